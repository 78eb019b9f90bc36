/*
 * keeper.c - opens and signatures per second of the real keeper process, over real sockets, each with its record durable.
 *
 *   bench-keeper sealdesk-keeper DIR SECONDS
 *
 * One thread stands where the desk does: one channel, a session per agent, and for each agent one question on its way; the next
 * one goes out when the answer came. Another stands where the inspector does and answers at once. Prints JSON.
 */
#include "auth/auth.h"
#include "core/ipc/inspect.h"
#include "core/ipc/states.h"
#include "keeper/process_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define AGENTS_MAX 100
#define LETTERS 1920 /* fifteen pages of keys */
#define SIGNING 16   /* answers on their way */
#define FLOOD 64     /* attempts to sign in on their way: as many as the keeper's queue holds, and again */
#define TIMES_MAX 2000000
#define OP_SIGN_IN 10 /* keeper.def */
#define OP_OPEN 13
#define OP_OPEN_HEADS 14
#define OP_REPLY 15

struct bench {
    struct process p;
    uint8_t tokens[AGENTS_MAX][32], letters[LETTERS][16], ticket[16];
    uint32_t *times_us; /* of answers, of what is measured */
    size_t count;
};

/* ---- the installation ---- */

static void run_sql(sqlite3 *db, const char *sql, const struct span *blobs, size_t count) {
    sqlite3_stmt *stmt = NULL;
    MUST(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    for (size_t i = 0; i < count; i++)
        MUST(sqlite3_bind_blob(stmt, (int)i + 1, blobs[i].p, (int)blobs[i].n, SQLITE_TRANSIENT) == SQLITE_OK);
    if (sqlite3_bind_parameter_count(stmt) > (int)count) /* the time, where it has one */
        MUST(sqlite3_bind_int64(stmt, (int)count + 1, clock_unix_ms()) == SQLITE_OK);
    MUST(sqlite3_step(stmt) == SQLITE_DONE && sqlite3_finalize(stmt) == SQLITE_OK);
}

static void add_agent(struct bench *b, sqlite3 *db, unsigned i) {
    struct sha256 hash;
    uint8_t id[16];
    char email[32];
    random_bytes(b->tokens[i], 32);
    random_bytes(id, sizeof id);
    (void)snprintf(email, sizeof email, "agent%u@example.test", i);
    MUST(crypt_sha256(span_of(b->tokens[i], 32), &hash) == SD_OK);
    const struct span person[] = {span_of(id, 16), span_cstr(email)};
    run_sql(db, "INSERT INTO person(id,email,name,role,password,totp,made_ms) VALUES(?,CAST(? AS TEXT),'Agent',1,x'',x'',?)",
            person, 2);
    run_sql(db, "INSERT INTO person_queue(person,queue) VALUES(?,'support')", person, 1);
    const struct span session[] = {span_of(hash.b, 16), span_of(hash.b, 32), span_of(id, 16)};
    run_sql(db,
            "INSERT INTO session(id,hash,person,replaced_ms,made_ms,used_ms,origin,factor,limited) "
            "VALUES(?1,?2,?3,?4,?4,?4,'192.0.2.1',1,0)",
            session, 3);
}

static void add_agents(struct bench *b) {
    char path[256];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/keeper/keeper.db", b->p.dir);
    MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    MUST(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    for (unsigned i = 0; i < AGENTS_MAX; i++)
        add_agent(b, db, i);
    MUST(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK);
    if (geteuid() == 0)
        rig_shell("chown -R %d:%d '%s/keeper'", RIG_ROLE_UID, RIG_ROLE_UID, b->p.dir);
}

static void add_letters(struct bench *b) {
    struct rig_intake intake;
    rig_intake(&b->p, &intake);
    for (unsigned i = 0; i < LETTERS; i++) {
        struct rig_mail mail = {.queue = "support",
                                .from = "anna@customer.example",
                                .disposition = DISPOSITION_ACCEPT,
                                .state = OBJECT_CLEAN,
                                .trust = TRUST_VERIFIED};
        random_bytes(mail.id, sizeof mail.id);
        random_bytes(mail.key, sizeof mail.key);
        memcpy(b->letters[i], mail.id, 16);
        rig_adopt_mail(&b->p, &intake, &mail, b->ticket);
    }
}

/* ---- an inspector that finds nothing wrong ---- */

static atomic_bool over;

static void *inspect(void *arg) {
    static const uint8_t hash[32] = {5};
    struct bench *b = arg;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct inspect_examine_rep rep = {.from_address = SPAN("support@example.test"), .message_id_hash = span_of(hash, 32)};
    ipc_list_add(&rep.recipients, &raw, SPAN("anna@customer.example"));
    while (!atomic_load(&over)) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
        if (ipc_recv(b->p.inspector, deadline_in_ms(50), &msg) != SD_OK)
            continue;
        struct ipc_msg head = {.id = msg->id, .op = msg->op, .is_reply = true};
        MUST(inspect_examine_rep_encode(&out, &rep) == SD_OK);
        MUST(ipc_send(b->p.inspector, &head, &out, rig_soon()) == SD_OK);
    }
    return NULL;
}

/* ---- questions ---- */

#define MESSAGE_BYTES 4096
static char message[MESSAGE_BYTES + 1];

static void make_message(void) {
    int n = snprintf(message, sizeof message,
                     "From: support@example.test\r\nTo: anna@customer.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
                     "Message-ID: <0@example.test>\r\nSubject: Re: your order\r\n\r\n");
    for (size_t i = (size_t)n; i < MESSAGE_BYTES; i++)
        message[i] = i % 72 == 70 && i + 1 < MESSAGE_BYTES ? '\r' : i % 72 == 71 ? '\n' : 'x';
    memcpy(message + MESSAGE_BYTES - 4, "xx\r\n", 4);
}

static void put_open(struct bench *b, unsigned agent, struct ipc_out *out) {
    struct keeper_open_req req = {.token = span_of(b->tokens[agent], 32),
                                  .origin = SPAN("192.0.2.1"),
                                  .object = span_of(b->letters[(unsigned)rand() % LETTERS], 16),
                                  .facet = FACET_TEXT};
    MUST(keeper_open_req_encode(out, &req) == SD_OK);
}

static void put_heads(struct bench *b, unsigned agent, struct ipc_out *out) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    struct keeper_open_heads_req req = {.token = span_of(b->tokens[agent], 32), .origin = SPAN("192.0.2.1")};
    unsigned first = (unsigned)rand() % (LETTERS - 100); /* a page of a list: letters that came one after the other */
    for (unsigned i = 0; i < 100; i++)
        ipc_list_add(&req.objects, &raw, span_of(b->letters[first + i], 16));
    MUST(keeper_open_heads_req_encode(out, &req) == SD_OK);
}

static void put_reply(struct bench *b, unsigned agent, struct ipc_out *out) {
    struct keeper_reply_req req = {.token = span_of(b->tokens[agent], 32),
                                   .origin = SPAN("192.0.2.1"),
                                   .ticket = span_of(b->ticket, 16),
                                   .message = span_of(message, MESSAGE_BYTES)};
    MUST(keeper_reply_req_encode(out, &req) == SD_OK);
}

static void put_sign_in(SD_UNUSED struct bench *b, SD_UNUSED unsigned agent, struct ipc_out *out) {
    char who[32];
    int n = snprintf(who, sizeof who, "%x@guess.example", (unsigned)rand());
    struct keeper_sign_in_req req = {.email = span_of(who, (size_t)n),
                                     .password = SPAN("correct horse battery"),
                                     .totp = SPAN("000000"),
                                     .origin = span_of(who, (size_t)n)};
    MUST(keeper_sign_in_req_encode(out, &req) == SD_OK);
}

struct work {
    const char *name;
    uint16_t op;
    unsigned agents;
    bool flood; /* attempts to sign in on the same channel meanwhile */
    void (*put)(struct bench *b, unsigned agent, struct ipc_out *out);
};

/* ---- measuring ---- */

struct desk {
    struct bench *b;
    const struct work *work;
    int fd;
    int64_t asked_ns[AGENTS_MAX + FLOOD]; /* by the question's number */
    uint64_t signed_in, answered, refused;
};

static bool is_flood(const struct desk *desk, uint32_t id) {
    return id >= desk->work->agents;
}

static void ask(struct desk *desk, uint32_t id) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    bool flood = is_flood(desk, id);
    struct ipc_msg head = {.id = id + 1, .op = flood ? OP_SIGN_IN : desk->work->op};
    (flood ? put_sign_in : desk->work->put)(desk->b, id % AGENTS_MAX, &out);
    desk->asked_ns[id] = clock_mono_ns();
    MUST(ipc_send(desk->fd, &head, &out, rig_soon()) == SD_OK);
}

static void hear(struct desk *desk) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    MUST(ipc_recv(desk->fd, rig_soon(), &msg) == SD_OK);
    uint32_t id = msg->id - 1;
    if (is_flood(desk, id)) {
        desk->signed_in += msg->status == SD_OK;
        desk->refused += msg->status != SD_OK;
    } else {
        MUST(msg->status == SD_OK);
        struct bench *b = desk->b;
        if (b->count < TIMES_MAX)
            b->times_us[b->count++] = (uint32_t)((clock_mono_ns() - desk->asked_ns[id]) / 1000);
        desk->answered++;
    }
    ask(desk, id);
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double at_ms(const uint32_t *sorted, size_t count, unsigned per_mille) {
    return count ? sorted[(count - 1) * per_mille / 1000] / 1000.0 : 0;
}

/* CPU time of the keeper, in clock ticks. */
static double cpu_s(pid_t pid) {
    char path[64], text[1024] = "";
    unsigned long user = 0, kernel = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    MUST(f && fgets(text, sizeof text, f));
    (void)fclose(f);
    MUST(sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* Of the thread with this name alone. */
static double thread_s(pid_t pid, const char *name) {
    char path[64], text[64];
    double ran = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    MUST(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks));) {
        char file[400];
        (void)snprintf(file, sizeof file, "%s/%s/comm", path, task->d_name);
        FILE *f = fopen(file, "r");
        bool found = f && fgets(text, sizeof text, f) && strncmp(text, name, strlen(name)) == 0;
        if (f)
            (void)fclose(f);
        (void)snprintf(file, sizeof file, "%s/%s/schedstat", path, task->d_name);
        f = found ? fopen(file, "r") : NULL;
        if (f && fgets(text, sizeof text, f))
            ran = strtod(text, NULL) / 1e9;
        if (f)
            (void)fclose(f);
    }
    (void)closedir(tasks);
    return ran;
}

static void measure(struct bench *b, const struct work *work, double seconds) {
    struct desk desk = {.b = b, .work = work};
    uint32_t on_their_way = work->agents + (work->flood ? FLOOD : 0);
    MUST(process_channel(&b->p, PEER_DESK, &desk.fd) == SD_OK);
    for (uint32_t id = 0; id < on_their_way; id++)
        ask(&desk, id);
    struct deadline warm = deadline_in_ms(500);
    while (!deadline_passed(warm))
        hear(&desk);
    b->count = desk.answered = desk.signed_in = desk.refused = 0;
    double cpu = cpu_s(b->p.pid), signing = thread_s(b->p.pid, "sign");
    int64_t begun_ns = clock_mono_ns();
    struct deadline end = deadline_in_ms((int64_t)(seconds * 1000));
    while (!deadline_passed(end))
        hear(&desk);
    double took = (double)(clock_mono_ns() - begun_ns) / 1e9;
    cpu = cpu_s(b->p.pid) - cpu;
    signing = thread_s(b->p.pid, "sign") - signing;
    (void)close(desk.fd);
    qsort(b->times_us, b->count, sizeof *b->times_us, ascending);
    printf("\"%s\":{\"per_s\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,\"keeper_cpu_us\":%.1f,\"signing_us\":%.1f,"
           "\"flood_per_s\":%.0f,"
           "\"flood_busy_per_s\":%.0f},",
           work->name, (double)desk.answered / took, at_ms(b->times_us, b->count, 500), at_ms(b->times_us, b->count, 990),
           at_ms(b->times_us, b->count, 1000), cpu * 1e6 / (double)(desk.answered ? desk.answered : 1),
           signing * 1e6 / (double)(desk.answered ? desk.answered : 1), (double)desk.signed_in / took,
           (double)desk.refused / took);
}

/* The disk itself: what one append of a record's size costs until it is durable. */
static void measure_disk(struct bench *b) {
    char path[256], record[512] = {1};
    (void)snprintf(path, sizeof path, "%s/sync", b->p.dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    MUST(fd >= 0);
    for (b->count = 0; b->count < 300; b->count++) {
        int64_t begun_ns = clock_mono_ns();
        MUST(write(fd, record, sizeof record) == sizeof record && fdatasync(fd) == 0);
        b->times_us[b->count] = (uint32_t)((clock_mono_ns() - begun_ns) / 1000);
    }
    (void)close(fd);
    qsort(b->times_us, b->count, sizeof *b->times_us, ascending);
    printf("\"fdatasync\":{\"p50_ms\":%.2f,\"p99_ms\":%.2f}", at_ms(b->times_us, b->count, 500),
           at_ms(b->times_us, b->count, 990));
}

/* The machine itself: how much later than it wanted somebody who sleeps a millisecond goes on. */
static void measure_machine(struct bench *b) {
    struct timespec pause = {.tv_nsec = 1000000};
    for (b->count = 0; b->count < 1000; b->count++) {
        int64_t begun_ns = clock_mono_ns();
        (void)nanosleep(&pause, NULL);
        b->times_us[b->count] = (uint32_t)((clock_mono_ns() - begun_ns) / 1000 - 1000);
    }
    qsort(b->times_us, b->count, sizeof *b->times_us, ascending);
    printf(",\"late\":{\"p50_ms\":%.2f,\"p99_ms\":%.2f}", at_ms(b->times_us, b->count, 500), at_ms(b->times_us, b->count, 990));
}

int main(int argc, char **argv) {
    static struct bench b;
    static const struct work works[] = {
        {"open_1", OP_OPEN, 1, false, put_open},          {"open_100", OP_OPEN, 100, false, put_open},
        {"open_100_flood", OP_OPEN, 100, true, put_open}, {"heads_100", OP_OPEN_HEADS, 8, false, put_heads},
        {"sign_1", OP_REPLY, 1, false, put_reply},        {"sign", OP_REPLY, SIGNING, false, put_reply}};
    pthread_t thread;
    if (argc < 4)
        return 2;
    b.times_us = calloc(TIMES_MAX, sizeof *b.times_us);
    MUST(b.times_us != NULL);
    make_message();
    process_make(&b.p, argv[1], argv[2]);
    add_agents(&b);
    b.p.settings = "budget.opens_per_minute=100000000\nbudget.opens_per_day=1000000000\nbudget.heads_per_minute=100000000\n"
                   "budget.heads_per_day=1000000000\n";
    process_start(&b.p);
    add_letters(&b);
    MUST(pthread_create(&thread, NULL, inspect, &b) == 0);
    printf("{");
    for (size_t i = 0; i < SD_COUNT(works); i++)
        if (argc < 5 || strstr(argv[4], works[i].name))
            measure(&b, &works[i], strtod(argv[3], NULL));
    measure_disk(&b);
    measure_machine(&b);
    printf("}\n");
    atomic_store(&over, true);
    MUST(pthread_join(thread, NULL) == 0);
    process_remove(&b.p);
    return 0;
}
