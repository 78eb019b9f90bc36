#include "courier/smtp_ehlo.h"

static void take_offer(struct smtp_offers *offers, struct span line) {
    struct span_split words = span_split_start(line);
    struct span word, argument;
    if (!span_split_next(&words, ' ', &word))
        return;
    offers->starttls |= span_ieq(word, SPAN("STARTTLS"));
    offers->pipelining |= span_ieq(word, SPAN("PIPELINING"));
    offers->eight_bit |= span_ieq(word, SPAN("8BITMIME"));
    if (!span_ieq(word, SPAN("SIZE")))
        return;
    offers->size = true;
    if (span_split_next(&words, ' ', &argument) && span_to_u64(span_trim(argument), &offers->size_max) != SD_OK)
        offers->size_max = 0;
}

/* The first line is the server's name. */
struct smtp_offers smtp_read_offers(const struct smtp_reply *reply) {
    struct smtp_offers offers = {0};
    struct span_split lines = span_split_start(span_of(reply->text, reply->text_bytes));
    struct span line;
    if (span_split_next(&lines, '\n', &line))
        while (span_split_next(&lines, '\n', &line))
            take_offer(&offers, span_trim(line));
    return offers;
}
