/* Any bytes as an address list, a mailbox, and an unstructured field. What is read must read back as itself. */
#include <stdlib.h>

#include "core/limits.h"
#include "mail/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

/* One spelling of an address has one reading. */
static void check_address(const struct mail_address *a, struct arena *arena) {
    struct mail_address_list again;
    require(mail_parse_addresses(a->address, arena, &again) == SD_OK);
    require(again.count == 1 && span_eq(again.items[0].address, a->address));
    require(span_eq(again.items[0].local, a->local) && span_eq(again.items[0].domain, a->domain));
    require(a->display.n == 0 || span_is_utf8(a->display));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new((size_t)16 * 1024 * 1024);
    struct span s = span_of(data, size < LIMIT_HEADER_BYTES ? size : LIMIT_HEADER_BYTES);
    struct mail_address_list list;
    struct mail_address mailbox;
    struct mail_header header;
    struct span body;
    mail_ambiguities seen = 0;
    if (!arena)
        return 0;
    if (mail_parse_addresses(s, arena, &list) == SD_OK)
        for (size_t i = 0; i < list.count; i++)
            check_address(&list.items[i], arena);
    if (mail_parse_mailbox(s, arena, &mailbox) == SD_OK)
        check_address(&mailbox, arena);
    struct span text = mail_decode_text(s, arena);
    require(text.n == 0 || span_is_utf8(text));
    require(mail_parse_header(s, arena, &header, &body, &seen) == SD_OK);
    return 0;
}
