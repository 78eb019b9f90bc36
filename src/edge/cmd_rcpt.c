/* RCPT (RFC 5321 §4.1.1.3): only those who are here; nothing is relayed. No parameters yet. */
#include "edge/command.h"

static void add(struct session *s, const struct mail_path *path, const struct queue *queue, struct span token) {
    struct limits *limits = &s->edge->limits;
    struct transaction *t = s->transaction;
    const struct queue *queues[LIMIT_RECIPIENTS];
    size_t queue_max = (size_t)limits->value[EDGE_QUEUES];
    bool one_queue_more = !transaction_has_queue(t, queue);
    if (t->recipient_count >= (size_t)limits->value[EDGE_RECIPIENTS]) {
        limit_hit(limits, EDGE_RECIPIENTS, s->id);
        session_reply(s, "452 4.5.3 Too many recipients"); /* RFC 5321 §4.5.3.1.10: no mistake, the rest comes later */
    } else if (one_queue_more && transaction_queues(t, queues, SD_COUNT(queues)) >= queue_max) {
        limit_hit(limits, EDGE_QUEUES, s->id);
        session_reply(s, "452 4.5.3 Too many recipients at once");
    } else if (transaction_add(t, path->text, token, queue))
        session_reply(s, "452 4.3.1 Out of memory, try again later");
    else
        session_reply(s, "250 2.1.5 Recipient ok");
}

void cmd_rcpt(struct session *s, struct span args) {
    struct mail_path path;
    struct span token;
    if (!span_istarts(args, SPAN("TO:"))) {
        session_refuse(s, "501 5.5.4 Syntax: RCPT TO:<address>");
        return;
    }
    struct span rest = span_trim(span_from(args, 3));
    if (mail_path_parse(&rest, &path) || path.text.n == 0) {
        session_refuse(s, "501 5.1.3 Bad recipient address syntax");
        return;
    }
    const struct queue *queue = queues_find(&s->edge->queues, &path, &token);
    if (path.is_international) /* RFC 6531 §3.5: as at MAIL; its bytes would stand in our Received field */
        session_refuse(s, "553 5.6.7 Internationalised addresses are not supported");
    else if (span_trim(rest).n)
        session_refuse(s, "555 5.5.4 Unknown RCPT parameter");
    else if (!queue)
        session_refuse(s, "550 5.1.1 No such recipient here");
    else
        add(s, &path, queue, token);
}
