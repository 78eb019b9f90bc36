/*
 * floor.c - the least the same work can cost on this machine: a bare SMTP server that for each letter does one RSA-2048
 * signature's public-key operation, one SHA-256 and one AES-256-GCM over its bytes, and one append that is on the disk before
 * the 250 (one fdatasync for all letters that wait). No parsing, no policy, no DNS, no processes: one thread for the sessions,
 * one for the disk.
 *
 *   floor ADDRESS:PORT ZONE FILE
 *
 * ZONE gives the RSA keys. The signature in a letter's first DKIM-Signature field must open to a SHA-256 under its domain's
 * key; else 550. That shows that the operation was done; the canonical form that it signs is not computed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LETTER_BYTES ((size_t)256 * 1024) /* the largest letter; the benchmark's have 10 KB */
#define EXTRA_BYTES 64                    /* key, tag, length in front of each sealed letter */
#define KEYS_MAX 64
#define BATCH_MAX 512
#define DIGEST_INFO_BYTES 51 /* RFC 8017 §9.2: 19 bytes of prefix and the hash */

struct rsa_key {
    char domain[256];
    EVP_PKEY_CTX *ctx;
};

struct session {
    int fd;
    bool in_data;
    uint8_t *in;
    size_t n;
    uint8_t *sealed; /* what goes to the file */
    size_t sealed_n;
    struct session *next;
};

static struct rsa_key keys[KEYS_MAX];
static unsigned key_count;
static EVP_MD *sha256;
static EVP_CIPHER *gcm;
static int epoll_fd, bell_fd, file_fd;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_came = PTHREAD_COND_INITIALIZER;
static struct session *waiting, *committed;

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static void must(bool good, const char *what) {
    if (!good)
        fail(what);
}

/* ---- keys ---- */

static EVP_PKEY_CTX *key_of(const char *base64) {
    uint8_t der[1024];
    const uint8_t *p = der;
    int n = EVP_DecodeBlock(der, (const uint8_t *)base64, (int)strlen(base64));
    EVP_PKEY *key = n > 0 ? d2i_PUBKEY(NULL, &p, n) : NULL;
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    must(ctx && EVP_PKEY_verify_recover_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1, "key");
    return ctx;
}

/* A line's TXT strings put together. */
static void joined(const char *line, char *to) {
    bool inside = false;
    for (; *line; line++)
        if (*line == '"')
            inside = !inside;
        else if (inside)
            *to++ = *line;
    *to = 0;
}

static void read_keys(const char *zone) {
    char line[4096], text[4096];
    FILE *f = fopen(zone, "r");
    must(f, zone);
    while (fgets(line, sizeof line, f)) {
        char *name = strstr(line, "._domainkey.");
        if (!name)
            continue;
        must(key_count < KEYS_MAX, "too many keys");
        struct rsa_key *key = &keys[key_count++];
        name += strlen("._domainkey.");
        (void)snprintf(key->domain, sizeof key->domain, "%.*s", (int)strcspn(name, " ") - 1, name);
        joined(line, text);
        key->ctx = key_of(strstr(text, "p=") + 2);
    }
    (void)fclose(f);
}

static struct rsa_key *find_key(const char *domain, size_t n) {
    for (unsigned i = 0; i < key_count; i++)
        if (strlen(keys[i].domain) == n && memcmp(keys[i].domain, domain, n) == 0)
            return &keys[i];
    return NULL;
}

/* ---- a letter ---- */

/* A tag of the first field, which is the signature in these letters. */
static const char *tag(const uint8_t *letter, size_t n, const char *name, size_t *ret_n) {
    const char *at = memmem(letter, n < 2048 ? n : 2048, name, strlen(name));
    if (!at)
        return NULL;
    at += strlen(name);
    const char *end = (const char *)letter + n;
    const char *p = at;
    while (p < end && *p != ';' && !(*p == '\n' && p + 1 < end && p[1] != ' ' && p[1] != '\t'))
        p++;
    *ret_n = (size_t)(p - at);
    return at;
}

static bool opens_to_a_hash(const uint8_t *letter, size_t n) {
    char b64[1024];
    uint8_t signature[768], recovered[512];
    size_t domain_n, b_n, used = 0, recovered_n = sizeof recovered;
    const char *domain = tag(letter, n, " d=", &domain_n);
    const char *b = tag(letter, n, " b=", &b_n);
    struct rsa_key *key = domain && b ? find_key(domain, domain_n) : NULL;
    if (!key || b_n >= sizeof b64)
        return false;
    for (size_t i = 0; i < b_n; i++)
        if (b[i] > ' ')
            b64[used++] = b[i];
    int size = EVP_DecodeBlock(signature, (const uint8_t *)b64, (int)used);
    return size >= 256 && EVP_PKEY_verify_recover(key->ctx, recovered, &recovered_n, signature, 256) == 1 &&
           recovered_n == DIGEST_INFO_BYTES;
}

/* AES-256-GCM under a key of the letter's own; digest, key and tag lie in front, so that nothing of the work can be left out.
 */
static void seal(struct session *s) {
    static EVP_CIPHER_CTX *ctx;
    static const uint8_t nonce[12];
    uint8_t key[32];
    unsigned digest_n = 0;
    int n = 0, last = 0;
    if (!ctx)
        ctx = EVP_CIPHER_CTX_new();
    s->sealed = malloc(s->n + EXTRA_BYTES + 32);
    must(s->sealed && RAND_bytes(key, sizeof key) == 1, "random");
    must(EVP_Digest(s->in, s->n, s->sealed, &digest_n, sha256, NULL) == 1, "digest");
    must(EVP_EncryptInit_ex2(ctx, gcm, key, nonce, NULL) == 1 &&
             EVP_EncryptUpdate(ctx, s->sealed + EXTRA_BYTES, &n, s->in, (int)s->n) == 1 &&
             EVP_EncryptFinal_ex(ctx, s->sealed + EXTRA_BYTES + n, &last) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, s->sealed + 32) == 1,
         "seal");
    memcpy(s->sealed + 48, &s->n, sizeof s->n);
    s->sealed_n = EXTRA_BYTES + (size_t)n;
}

/* ---- the disk ---- */

static struct session *take_waiting(void) {
    pthread_mutex_lock(&lock);
    while (!waiting)
        pthread_cond_wait(&work_came, &lock);
    struct session *all = waiting;
    waiting = NULL;
    pthread_mutex_unlock(&lock);
    return all;
}

static void *commit(void *arg) {
    (void)arg;
    for (;;) {
        struct session *all = take_waiting(), *last = NULL;
        struct iovec parts[BATCH_MAX];
        int n = 0;
        for (struct session *s = all; s; last = s, s = s->next) {
            parts[n++] = (struct iovec){s->sealed, s->sealed_n};
            if (n == BATCH_MAX || !s->next) {
                must(writev(file_fd, parts, n) > 0, "write");
                n = 0;
            }
        }
        must(fdatasync(file_fd) == 0, "fdatasync");
        pthread_mutex_lock(&lock);
        last->next = committed;
        committed = all;
        pthread_mutex_unlock(&lock);
        must(eventfd_write(bell_fd, 1) == 0, "bell");
    }
    return NULL;
}

static void hand_to_disk(struct session *s) {
    pthread_mutex_lock(&lock);
    s->next = waiting;
    waiting = s;
    pthread_cond_signal(&work_came);
    pthread_mutex_unlock(&lock);
}

/* ---- the dialogue ---- */

static void say(const struct session *s, const char *line) {
    (void)send(s->fd, line, strlen(line), MSG_NOSIGNAL);
}

static void end(struct session *s) {
    must(!s->sealed, "a client left before its answer");
    (void)close(s->fd);
    free(s->in);
    free(s->sealed);
    free(s);
}

static void watch(int fd, void *what, int how) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = what};
    must(epoll_ctl(epoll_fd, how, fd, &e) == 0, "epoll");
}

static void letter_came(struct session *s) {
    if (!opens_to_a_hash(s->in, s->n)) {
        say(s, "550 5.7.20 no\r\n");
        return;
    }
    seal(s);
    hand_to_disk(s);
}

/* One command line; false: the session is over. */
static bool command(struct session *s, const char *line) {
    if (strncmp(line, "QUIT", 4) == 0) {
        say(s, "221 2.0.0 bye\r\n");
        return false;
    }
    s->in_data = strncmp(line, "DATA", 4) == 0;
    say(s, s->in_data ? "354 go\r\n" : strncmp(line, "EHLO", 4) == 0 ? "250-floor\r\n250 SIZE\r\n" : "250 2.0.0 ok\r\n");
    return true;
}

static bool data(struct session *s) {
    bool ended = s->n >= 5 && memcmp(s->in + s->n - 5, "\r\n.\r\n", 5) == 0;
    if (ended) {
        s->n -= 3;
        s->in_data = false;
        letter_came(s);
        s->n = 0;
    }
    return s->n < LETTER_BYTES;
}

/* The client sends one command at a time and nothing after the final dot. */
static bool came(struct session *s) {
    ssize_t got = recv(s->fd, s->in + s->n, LETTER_BYTES - s->n, 0);
    if (got <= 0)
        return got < 0 && (errno == EINTR || errno == EAGAIN);
    s->n += (size_t)got;
    if (s->in_data)
        return data(s);
    if (s->in[s->n - 1] != '\n')
        return s->n < 1000;
    s->in[s->n] = 0;
    s->n = 0;
    return command(s, (const char *)s->in);
}

static void greet(int listener) {
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct session *s = calloc(1, sizeof *s);
    must(s && (s->in = malloc(LETTER_BYTES + 1)), "memory");
    s->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd, s, EPOLL_CTL_ADD);
    say(s, "220 floor ESMTP\r\n");
}

static void answer_committed(void) {
    eventfd_t count;
    (void)eventfd_read(bell_fd, &count);
    pthread_mutex_lock(&lock);
    struct session *s = committed;
    committed = NULL;
    pthread_mutex_unlock(&lock);
    while (s) {
        struct session *next = s->next;
        free(s->sealed);
        s->sealed = NULL;
        say(s, "250 2.0.0 kept\r\n");
        s = next;
    }
}

static int listen_on(const char *text) {
    char host[64];
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *colon = strchr(text, ':');
    struct sockaddr_in a = {.sin_family = AF_INET};
    must(colon && fd >= 0, text);
    a.sin_port = htons((uint16_t)atoi(colon + 1));
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    must(inet_pton(AF_INET, host, &a.sin_addr) == 1 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1024) == 0,
         text);
    return fd;
}

static void serve(int listener) {
    static int listener_mark, bell_mark;
    watch(listener, &listener_mark, EPOLL_CTL_ADD);
    watch(bell_fd, &bell_mark, EPOLL_CTL_ADD);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, -1);
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (what == &listener_mark)
                greet(listener);
            else if (what == &bell_mark)
                answer_committed();
            else if (!came(what))
                end(what);
        }
    }
}

int main(int argc, char **argv) {
    pthread_t committer;
    if (argc != 4)
        return 2;
    read_keys(argv[2]);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    file_fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(sha256 && gcm && file_fd >= 0 && epoll_fd >= 0 && bell_fd >= 0, "start");
    must(pthread_create(&committer, NULL, commit, NULL) == 0, "thread");
    serve(listen_on(argv[1]));
    return 0;
}
