/* test_server.h - a scripted SMTP server in threads: answers what a test tells it, remembers what it was told. */
#ifndef SD_COURIER_TEST_SERVER_H
#define SD_COURIER_TEST_SERVER_H

#include "core/buf.h"
#include "crypt/tls.h"

#include <pthread.h>

enum smtp_verb { ON_CONNECT, ON_EHLO, ON_HELO, ON_STARTTLS, ON_MAIL, ON_RCPT, ON_DATA, ON_END, ON_RSET, ON_QUIT, VERBS };

#define SERVER_SESSIONS_MAX 200

struct test_server {
    /* Answers with CRLF; NULL: closes the connection. RCPT: an address with "later" gets 450, with "never" 550. */
    const char *_Atomic answers[VERBS];
    const char *ehlo_after_tls; /* NULL: the same */
    struct tls_context *tls;
    bool breaks_tls;                /* says 220 and then no TLS */
    bool injects;                   /* plain bytes behind the 220 of STARTTLS */
    bool byte_by_byte;              /* one write per byte */
    unsigned closes_after_messages; /* then at once; 0: never */

    uint16_t port;
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_t sessions[SERVER_SESSIONS_MAX];
    unsigned session_count, message_count, at_once, most_at_once;
    struct buf commands; /* of all sessions, with CRLF */
    struct buf message;  /* the last one, as it came after DATA */
};

/* With the answers of an ordinary server that offers PIPELINING, SIZE and 8BITMIME; knobs may be turned before start. */
void test_server_init(struct test_server *server);
void test_server_start(struct test_server *server);
void test_server_stop(struct test_server *server);

bool test_server_heard(struct test_server *server, const char *text);
unsigned test_server_messages(struct test_server *server);

#endif
