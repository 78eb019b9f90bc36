/*
 * Each process beside the keeper taken over, one after the other: it plays every operation of its table and much that is none,
 * over its own socket, against the real keeper. Then: what came out was allowed, and recorded once; what was signed may leave;
 * the log is whole and says nothing that a peer wrote; no right has changed; and all the while the keeper answered the others.
 *
 * argv[1]: sealdesk-keeper; argv[2]: the part to play alone, "*administer". SEALDESK_ADVERSARY_SECONDS: of each part.
 * SEALDESK_ADVERSARY_SEED: to play one again.
 */
#include "keeper/adversary.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PROBE_MS 1000       /* three honest questions, while somebody floods */
#define GROWN_MAX_KIB 32768 /* what a part may add to the keeper's memory */
#define QUIET_MS 15000      /* until the last attempts to sign in are hashed, each in 64 MiB */

static const char *program;
static struct world *world;
static uint64_t seed;
static int64_t part_ms;
static unsigned slow = 1;

/* Ends everything: what comes after would only repeat it. The folder stays, to be looked at. */
static void give_up(const char *format, ...) SD_PRINTF(1, 2);
static void give_up(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nSEALDESK_ADVERSARY_SEED=%llu, %s\n", (unsigned long long)seed, world->p.dir);
    abort();
}

/* ---- the checks around a part ---- */

struct part {
    const char *name;
    uint32_t peer;
    unsigned tokens, people;
    uint32_t owner_verbs;
    bool honest_inspector;
    bool inspected; /* what is played says what inspectors say */
};

static char *rows_now(bool inspected) {
    struct buf rows SD_CLEANUP(buf_free) = buf_new((size_t)16 * 1024 * 1024);
    rows_dump(world, inspected, &rows);
    buf_byte(&rows, 0);
    MUST(buf_err(&rows) == SD_OK);
    return strdup((const char *)rows.p);
}

static void same_rows(const char *before, const char *after) {
    size_t at = 0;
    while (before[at] && before[at] == after[at])
        at++;
    if (before[at] == after[at])
        return;
    while (at > 0 && before[at - 1] != '\n')
        at--;
    give_up("rights changed:\nbefore %.300s\nafter  %.300s", before + at, after + at);
}

static void verify_log(uint64_t at_least) {
    struct keeper_audit_verify_rep rep;
    assert_int_equal(
        keeper_audit_verify_call(world->p.admin, &(struct keeper_audit_verify_req){}, rig_soon(), rig_fresh(&world->p), &rep),
        SD_OK);
    assert_true(rep.good);
    assert_true(rep.size >= at_least);
}

/* An honest desk beside the taken peer, all the time. */
struct honest {
    atomic_bool over;
    int64_t slowest_ns;
    unsigned times, late;
    pthread_t thread;
};

static void *be_honest(void *arg) {
    struct honest *honest = arg;
    struct timespec pause = {.tv_nsec = 20 * 1000000L};
    while (!atomic_load(&honest->over)) {
        int64_t took_ns = world_probe(world);
        if (took_ns > honest->slowest_ns)
            honest->slowest_ns = took_ns;
        honest->late += took_ns > INT64_C(1000000) * PROBE_MS * slow;
        honest->times++;
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static void honest_start(struct honest *honest) {
    *honest = (struct honest){0};
    MUST(pthread_create(&honest->thread, NULL, be_honest, honest) == 0);
}

static void honest_stop(struct honest *honest) {
    atomic_store(&honest->over, true);
    MUST(pthread_join(honest->thread, NULL) == 0);
    (void)world_probe(world);
    release_of(PERSON_OF_HONEST, 0, FACET_TEXT)->heard += honest->times + 1;
    if (honest->late > honest->times / 50) /* the machine itself may stand still for a moment */
        give_up("an honest desk waited %lld ms", (long long)(honest->slowest_ns / 1000000));
    assert_true(honest->times > 0);
    assert_true(process_ready(&world->p));
}

struct costs {
    long grown_kib;
    int64_t slowest_ms;
};

static void end_part(const struct part *part, const struct player *player, const struct costs *costs, const char *before) {
    struct phase phase = {.people = part->people | 1u << PERSON_OF_HONEST,
                          .owner_verbs = part->owner_verbs,
                          .inspected = part->inspected,
                          .lost = player ? player->lost + player->wild : 0};
    uint64_t records = world->log_next;
    verify_log(records);
    if (dice_one_in(&(struct dice){seed + part->peer + part->tokens}, 2))
        process_stop(&world->p);
    else
        process_kill(&world->p);
    check_log(world, &phase);
    if (!part->inspected) /* killed, its last verdicts may not be in the log yet: the next part's log has them */
        rows_check_found(world);
    char *after = rows_now(part->inspected);
    same_rows(before, after);
    free(after);
    print_message(
        "%s: %llu questions, %llu answers, %llu malformed, dropped %llu times; %llu records; memory %+ld KiB, others waited "
        "at most %lld ms\n",
        part->name, (unsigned long long)(player ? player->sent : 0), (unsigned long long)(player ? player->heard : 0),
        (unsigned long long)(player ? player->wild : 0), (unsigned long long)(player ? player->dropped : 0),
        (unsigned long long)(world->log_next - records), costs->grown_kib, (long long)costs->slowest_ms);
}

static void play_for(struct player *player, int64_t ms) {
    struct deadline end = deadline_in_ms(ms);
    while (!deadline_passed(end))
        player_play(player);
    player_deaf(player);
    player_finish(player);
}

/* AddressSanitizer keeps a quarter of a gigabyte of what was freed: in the keeper that would be taken for growth. */
static void keep_no_freed_memory(void) {
    char options[1024];
    const char *before = getenv("ASAN_OPTIONS");
    (void)snprintf(options, sizeof options, "%s:quarantine_size_mb=8", before ? before : "");
    (void)setenv("ASAN_OPTIONS", options, 1);
}

static long grown_since(long before_kib) {
    struct deadline end = deadline_in_ms(QUIET_MS * slow);
    struct timespec pause = {.tv_nsec = 100 * 1000000L};
    long grown_kib = process_memory_kib(&world->p, "VmRSS") - before_kib;
    while (grown_kib > GROWN_MAX_KIB * (long)slow && !deadline_passed(end)) {
        (void)nanosleep(&pause, NULL);
        grown_kib = process_memory_kib(&world->p, "VmRSS") - before_kib;
    }
    if (grown_kib > GROWN_MAX_KIB * (long)slow)
        give_up("the keeper grew by %ld KiB", grown_kib);
    return grown_kib;
}

static void play_part(const struct part *part) {
    struct player player;
    struct honest honest;
    rows_mark(world);
    char *before = rows_now(part->inspected);
    world_start(world);
    long memory_kib = process_memory_kib(&world->p, "VmRSS");
    struct inspector *inspector = inspector_start(world, part->honest_inspector, seed);
    honest_start(&honest);
    player_start(&player, world, part->peer, part->tokens, seed + part->peer * 31 + part->tokens);
    play_for(&player, part_ms);
    honest_stop(&honest);
    inspector_stop(&inspector);
    end_part(part, &player, &(struct costs){grown_since(memory_kib), honest.slowest_ns / 1000000}, before);
    player_free(&player);
    free(before);
}

/* ---- the parts ---- */

#define WAY(name) (1u << TOKEN_OF_##name)
#define OF(name) (1u << PERSON_OF_##name)

static void a_taken_edge(SD_UNUSED void **state) {
    play_part(&(struct part){.name = "edge", .peer = PEER_EDGE, .honest_inspector = true});
}

static void a_taken_clerk(SD_UNUSED void **state) {
    play_part(&(struct part){.name = "clerk", .peer = PEER_CLERK, .honest_inspector = true});
}

/* Misjudges what is there; opens nothing, and releases nothing. What opens afterwards is what it called clean. */
static void a_taken_inspector(SD_UNUSED void **state) {
    play_part(&(struct part){.name = "inspector", .peer = PEER_INSPECT, .honest_inspector = true, .inspected = true});
}

static void a_taken_courier(SD_UNUSED void **state) {
    play_part(&(struct part){.name = "courier", .peer = PEER_COURIER, .honest_inspector = true});
}

static void a_taken_desk_with_nobody_signed_in(SD_UNUSED void **state) {
    play_part(&(struct part){.name = "desk, nobody signed in", .peer = PEER_DESK, .honest_inspector = true});
}

static void a_taken_desk_with_an_agent(SD_UNUSED void **state) {
    play_part(&(struct part){
        .name = "desk, an agent", .peer = PEER_DESK, .tokens = WAY(AGENT), .people = OF(AGENT), .honest_inspector = true});
}

static void a_taken_desk_with_an_api_token(SD_UNUSED void **state) {
    play_part(&(struct part){.name = "desk, an API token",
                             .peer = PEER_DESK,
                             .tokens = WAY(MACHINE),
                             .people = OF(BOSS),
                             .owner_verbs = VERB_BIT(LIST) | VERB_BIT(OPEN),
                             .honest_inspector = true});
}

static void a_taken_desk_with_old_tokens(SD_UNUSED void **state) {
    play_part(
        &(struct part){.name = "desk, tokens that are over",
                       .peer = PEER_DESK,
                       .tokens = WAY(IDLE) | WAY(AGED) | WAY(REPLACED) | WAY(ENDED) | WAY(MACHINE_OVER) | WAY(MACHINE_REVOKED),
                       .honest_inspector = true});
}

/* Rights over people, keys and policy, and nobody who makes a gesture. */
static void a_taken_desk_with_those_who_administer(SD_UNUSED void **state) {
    play_part(&(struct part){.name = "desk, administrator, security and privacy officer",
                             .peer = PEER_DESK,
                             .tokens = WAY(ADMIN) | WAY(GUARD) | WAY(OFFICER),
                             .people = OF(ADMIN) | OF(GUARD) | OF(OFFICER),
                             .honest_inspector = true});
}

/* Both at once: what the inspector says of a message is compared and not believed. */
static void a_taken_inspector_and_desk(SD_UNUSED void **state) {
    play_part(&(struct part){
        .name = "inspector, and a desk with an agent", .peer = PEER_DESK, .tokens = WAY(AGENT), .people = OF(AGENT)});
}

/* Nobody but its six peers gets a channel, and a foreign user none through the command line's socket. */
static void who_has_no_channel(SD_UNUSED void **state) {
    static const uint32_t others[] = {PEER_DNS,  PEER_RENDER, PEER_SUPERVISOR, PEER_KEEPER, 0, PEER_DESK | PEER_CLERK,
                                      UINT32_MAX};
    rows_mark(world);
    char *before = rows_now(false);
    world_start(world);
    for (size_t i = 0; i < SD_COUNT(others); i++) {
        int fd = -1;
        assert_int_equal(process_channel(&world->p, others[i], &fd), SD_ERR_PROTOCOL);
    }
    end_part(&(struct part){.name = "dns: no channel", .peer = PEER_DNS}, NULL, &(struct costs){0}, before);
    free(before);
}

/* A user who is neither root nor the keeper's: connects, asks, and hears nothing. */
static int ask_as_stranger(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ipc_msg head = {.id = 1, .op = OP_public_keys}, *msg = NULL;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", world->p.dir);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (setuid(RIG_ROLE_UID + 1) != 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return 2;
    (void)!ipc_send(fd, &head, &out, deadline_in_ms(1000));
    enum sd_err err = ipc_recv(fd, deadline_in_ms(5000), &msg);
    return err && err != SD_ERR_TIMEOUT ? 0 : 1;
}

static void a_stranger_at_the_command_lines_socket(SD_UNUSED void **state) {
    int status = -1;
    if (geteuid() != 0)
        skip();
    world_start(world);
    pid_t child = fork();
    if (child == 0)
        _exit(ask_as_stranger());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    process_stop(&world->p);
}

static int64_t number_from(const char *name, int64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static int make(SD_UNUSED void **state) {
    seed = (uint64_t)number_from("SEALDESK_ADVERSARY_SEED", clock_unix_ms());
    part_ms = number_from("SEALDESK_ADVERSARY_SECONDS", 0) * 1000;
    if (part_ms == 0)
        part_ms = 1500;
    slow = getenv("SEALDESK_ASAN") ? 5 : 1;
    if (slow > 1)
        keep_no_freed_memory();
    print_message("SEALDESK_ADVERSARY_SEED=%llu\n", (unsigned long long)seed);
    world = malloc(sizeof *world);
    MUST(world != NULL);
    world_make(world, program, seed);
    check_log(world,
              &(struct phase){.people = UINT_MAX, .owner_verbs = UINT32_MAX, .lost = 1, .inspected = true, .released = true});
    return 0;
}

static int drop(SD_UNUSED void **state) {
    world_free(world);
    free(world);
    return 0;
}

int main(int argc, char **argv) {
    program = argc > 1 ? argv[1] : NULL;
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taken_inspector),
        cmocka_unit_test(a_taken_edge),
        cmocka_unit_test(a_taken_clerk),
        cmocka_unit_test(a_taken_courier),
        cmocka_unit_test(a_taken_desk_with_nobody_signed_in),
        cmocka_unit_test(a_taken_desk_with_an_agent),
        cmocka_unit_test(a_taken_desk_with_an_api_token),
        cmocka_unit_test(a_taken_desk_with_old_tokens),
        cmocka_unit_test(a_taken_desk_with_those_who_administer),
        cmocka_unit_test(a_taken_inspector_and_desk),
        cmocka_unit_test(who_has_no_channel),
        cmocka_unit_test(a_stranger_at_the_command_lines_socket),
    };
    return program ? cmocka_run_group_tests(tests, make, drop) : 1;
}
