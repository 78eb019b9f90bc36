/*
 * load.c - drives an SMTP server: SESSIONS threads, each with a fresh connection per message, for SECONDS or for COUNT
 * messages. One JSON object on stdout: how many were accepted and refused, the rate, the time from the final dot to the answer
 * and of whole sessions, and the CPU the load itself took.
 *
 *   load --to ADDRESS:PORT --from ADDRESS --rcpt MAILBOX --list FILE [--sessions N] [--seconds S | --count N]
 *
 * FILE has a line per message: path, space, envelope sender. Messages have CRLF line ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES_MAX 10000
#define STACK_BYTES ((size_t)128 * 1024)
#define REPLY_SECONDS 60

struct message {
    char *wire; /* dot-stuffed, with the final dot */
    size_t n;
    char mail_from[330]; /* the whole command */
};

struct options {
    struct sockaddr_in to, from;
    char rcpt[330];
    const char *list;
    unsigned sessions, count;
    double seconds;
};

static struct options options = {.sessions = 20, .count = UINT32_MAX, .seconds = 1e9};
static struct message messages[MESSAGES_MAX];
static unsigned message_count;
static double end_at;
static atomic_uint next_message;

struct timing {
    double dot_ms, session_ms;
};

/* What one session's thread counted. */
struct worker {
    pthread_t thread;
    struct timing *timings;
    unsigned accepted, refused, room;
    char first_failure[200];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    (void)fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "wrong");
    exit(2);
}

/* ---- the messages ---- */

static char *read_file(const char *path, size_t *ret_n) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        fail(path);
    long n = ftell(f);
    rewind(f);
    char *bytes = malloc((size_t)n + 1);
    if (!bytes || fread(bytes, 1, (size_t)n, f) != (size_t)n)
        fail(path);
    (void)fclose(f);
    bytes[n] = 0;
    *ret_n = (size_t)n;
    return bytes;
}

/* RFC 5321 §4.5.2: a dot at the start of a line is doubled. */
static void put_on_wire(struct message *m, const char *bytes, size_t n) {
    char *wire = malloc(2 * n + 8);
    if (!wire)
        fail("memory");
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '.' && (i == 0 || bytes[i - 1] == '\n'))
            wire[used++] = '.';
        wire[used++] = bytes[i];
    }
    memcpy(wire + used, ".\r\n", 3);
    m->wire = wire;
    m->n = used + 3;
}

static void read_list(const char *path) {
    size_t n;
    char *list = read_file(path, &n);
    char *rest = list, *line;
    while ((line = strsep(&rest, "\n")) && *line) {
        char *space = strchr(line, ' ');
        if (!space || message_count == MESSAGES_MAX)
            fail(path);
        *space = 0;
        struct message *m = &messages[message_count++];
        char *bytes = read_file(line, &n);
        put_on_wire(m, bytes, n);
        free(bytes);
        (void)snprintf(m->mail_from, sizeof m->mail_from, "MAIL FROM:<%s>\r\n", space + 1);
    }
    free(list);
    if (!message_count)
        fail(path);
}

/* ---- one session ---- */

struct session {
    int fd;
    char reply[2048];
    size_t n;
};

static bool put(struct session *s, const char *bytes, size_t n) {
    while (n) {
        ssize_t sent = send(s->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* The last line of one reply, or NULL while there is none yet. Only one command is ever under way. */
static const char *last_line(const struct session *s) {
    if (s->n < 4 || s->reply[s->n - 1] != '\n')
        return NULL;
    const char *line = memrchr(s->reply, '\n', s->n - 1);
    line = line ? line + 1 : s->reply;
    return s->reply + s->n - line >= 4 && line[3] != '-' ? line : NULL;
}

/* The reply's code; 0 when the connection broke. */
static int reply(struct session *s) {
    const char *line;
    for (s->n = 0; !(line = last_line(s));) {
        ssize_t got = recv(s->fd, s->reply + s->n, sizeof s->reply - 1 - s->n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        s->n += (size_t)got;
    }
    s->reply[s->n] = 0;
    return atoi(line);
}

static bool ask(struct session *s, const char *command, int expected) {
    return put(s, command, strlen(command)) && reply(s) == expected;
}

static bool connected(struct session *s) {
    int on = 1;
    struct timeval patience = {.tv_sec = REPLY_SECONDS};
    *s = (struct session){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (s->fd < 0)
        return false;
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return bind(s->fd, (const struct sockaddr *)&options.from, sizeof options.from) == 0 &&
           connect(s->fd, (const struct sockaddr *)&options.to, sizeof options.to) == 0 && reply(s) == 220;
}

static bool send_message(struct session *s, const struct message *m, struct timing *ret) {
    double start = now();
    if (!connected(s) || !ask(s, "EHLO client.relay.example\r\n", 250) || !ask(s, m->mail_from, 250) ||
        !ask(s, options.rcpt, 250) || !ask(s, "DATA\r\n", 354) || !put(s, m->wire, m->n))
        return false;
    double dot = now();
    if (reply(s) != 250)
        return false;
    ret->dot_ms = (now() - dot) * 1e3;
    if (!ask(s, "QUIT\r\n", 221))
        return false;
    ret->session_ms = (now() - start) * 1e3;
    return true;
}

static void count(struct worker *w, bool accepted, struct timing timing, const struct session *s) {
    if (!accepted) {
        if (w->refused++ == 0)
            (void)snprintf(w->first_failure, sizeof w->first_failure, "%.*s", (int)strcspn(s->reply, "\r\n\"\\"),
                           s->n ? s->reply : "connection broke");
        return;
    }
    if (w->accepted == w->room) {
        w->room = w->room ? 2 * w->room : 1024;
        w->timings = realloc(w->timings, w->room * sizeof *w->timings);
        if (!w->timings)
            fail("memory");
    }
    w->timings[w->accepted++] = timing;
}

static void *work(void *arg) {
    struct worker *w = arg;
    unsigned i;
    while ((i = atomic_fetch_add(&next_message, 1)) < options.count && now() < end_at) {
        struct session s = {.fd = -1};
        struct timing timing = {0};
        bool accepted = send_message(&s, &messages[i % message_count], &timing);
        count(w, accepted, timing, &s);
        if (s.fd >= 0)
            (void)close(s.fd);
    }
    return NULL;
}

/* ---- the sum ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_percentiles(const char *name, double *values, unsigned n) {
    qsort(values, n, sizeof *values, ascending);
    for (unsigned p = 50; p <= 99; p += 49)
        (void)printf(",\"%s_p%u_ms\":%.3f", name, p, n ? values[(size_t)(n - 1) * p / 100] : 0);
}

static double cpu_seconds(void) {
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static unsigned print_sum(const struct worker *workers, double seconds) {
    unsigned accepted = 0, refused = 0, n = 0;
    const char *failure = "";
    for (unsigned i = 0; i < options.sessions; i++) {
        accepted += workers[i].accepted;
        refused += workers[i].refused;
        if (*workers[i].first_failure)
            failure = workers[i].first_failure;
    }
    double *dots = calloc(accepted + 1, sizeof *dots), *sessions = calloc(accepted + 1, sizeof *sessions);
    if (!dots || !sessions)
        fail("memory");
    for (unsigned i = 0; i < options.sessions; i++)
        for (unsigned k = 0; k < workers[i].accepted; k++, n++) {
            dots[n] = workers[i].timings[k].dot_ms;
            sessions[n] = workers[i].timings[k].session_ms;
        }
    (void)printf("{\"accepted\":%u,\"refused\":%u,\"seconds\":%.3f,\"rate\":%.1f,\"load_cpu_s\":%.3f", accepted, refused,
                 seconds, accepted / seconds, cpu_seconds());
    print_percentiles("dot", dots, n);
    print_percentiles("session", sessions, n);
    (void)printf(",\"failure\":\"%s\"}\n", failure);
    free(dots);
    free(sessions);
    return refused;
}

/* ---- options ---- */

static struct sockaddr_in address(const char *text) {
    char host[64];
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = colon ? htons((uint16_t)atoi(colon + 1)) : 0};
    (void)snprintf(host, sizeof host, "%.*s", (int)n, text);
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        fail(text);
    return a;
}

static void parse(int argc, char **argv) {
    static const struct option known[] = {
        {"to", 1, 0, 't'},    {"from", 1, 0, 'f'},     {"rcpt", 1, 0, 'r'},    {"list", 1, 0, 'l'},
        {"count", 1, 0, 'c'}, {"sessions", 1, 0, 's'}, {"seconds", 1, 0, 'd'}, {0}};
    int o;
    while ((o = getopt_long(argc, argv, "", known, NULL)) != -1)
        switch (o) {
        case 't':
            options.to = address(optarg);
            break;
        case 'f':
            options.from = address(optarg);
            break;
        case 'r':
            (void)snprintf(options.rcpt, sizeof options.rcpt, "RCPT TO:<%s>\r\n", optarg);
            break;
        case 'l':
            options.list = optarg;
            break;
        case 'c':
            options.count = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            options.sessions = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            options.seconds = strtod(optarg, NULL);
            break;
        default:
            exit(2);
        }
    if (!options.to.sin_port || !options.from.sin_family || !*options.rcpt || !options.list || !options.sessions)
        fail("--to, --from, --rcpt and --list are needed");
}

int main(int argc, char **argv) {
    parse(argc, argv);
    read_list(options.list);
    struct worker *workers = calloc(options.sessions, sizeof *workers);
    pthread_attr_t attr;
    if (!workers || pthread_attr_init(&attr) || pthread_attr_setstacksize(&attr, STACK_BYTES))
        fail("threads");
    double start = now();
    end_at = start + options.seconds;
    for (unsigned i = 0; i < options.sessions; i++)
        if (pthread_create(&workers[i].thread, &attr, work, &workers[i]))
            fail("threads");
    for (unsigned i = 0; i < options.sessions; i++)
        (void)pthread_join(workers[i].thread, NULL);
    return print_sum(workers, now() - start) ? 1 : 0;
}
