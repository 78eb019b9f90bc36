#include "sealdesk/gates.h"

#include "auth/policy.h"

#include <string.h>

static const struct {
    const char *key, *setting, *levels, *meaning;
} gates[] = {
#define X(name, key, levels, meaning) {key, "gates." key, levels, meaning},
    GATE_LIST(X)
#undef X
};

static const enum trust_level columns[] = {TRUST_VERIFIED, TRUST_UNVERIFIED, TRUST_FAILED};

static const char conf_head[] =
    "\n# What a message may do, by what is known about its sender: \"verified\" (SPF or DKIM proves the domain it names),\n"
    "# \"unverified\" (nothing proves it, nothing is against it), \"failed\" (it claims what it is not). \"none\": nobody "
    "may.\n"
    "# A message that is held in Review passes no gate but review, whatever its level. `sealdesk check` prints this as a "
    "table.\n"
    "gates {\n";

static const char trust_section[] =
    "\n# Is another mail server of yours in front of this one? What it says about senders is believed: it must write\n"
    "# Authentication-Results for every message, and remove those of its own id that come from outside.\n"
    "# upstream {\n"
    "#     id        = \"mx.acme.example\"   # the first word of its Authentication-Results\n"
    "#     addresses = \"192.0.2.10\"        # where it connects from\n"
    "# }\n"
    "\n# What you know about senders and the checks cannot. Lists are comma-separated; all are empty by default.\n"
    "trust {\n"
    "    # protected_domains = \"partner.example\"                  # nobody may imitate these, besides your own\n"
    "    # protected_names   = \"Jane Boss <jane@acme.example>\"    # sender names that only their owners may carry\n"
    "    # trusted_sealers   = \"lists.example\"                    # ARC seals that may lift a hold\n"
    "    # forwarders        = \"192.0.2.0/24, mx.forward.example\" # hosts that forward mail to you\n"
    "    # refused_senders   = \"spam.example, bad@mail.example\"   # refused at the door\n"
    "    # weights           = \"reply-to-elsewhere=30\"            # sealdesk(1) lists signals and their weights\n"
    "    flag_at   = 30    # signals that weigh this much together flag a message\n"
    "    review_at = 100   # … hold it in Review\n"
    "}\n";

void gates_put_conf(struct buf *to) {
    size_t widest = 0;
    for (size_t i = 0; i < SD_COUNT(gates); i++)
        widest = strlen(gates[i].levels) > widest ? strlen(gates[i].levels) : widest;
    buf_text(to, conf_head);
    for (size_t i = 0; i < SD_COUNT(gates); i++)
        buf_printf(to, "    %-11s = \"%s\"%*s # %s\n", gates[i].key, gates[i].levels, (int)(widest - strlen(gates[i].levels)),
                   "", gates[i].meaning);
    buf_text(to, "}\n");
    buf_text(to, trust_section);
}

static bool read_levels(const struct settings *settings, size_t gate, unsigned *ret) {
    struct span wrong;
    return policy_levels(span_cstr(settings_text(settings, gates[gate].setting)), ret, &wrong) == SD_OK;
}

#define MEANING_WIDTH 62
#define LEVEL_WIDTH 10

void gates_put_table(const struct settings *settings, struct buf *to) {
    buf_printf(to, "%-11s %-*s", "gate", MEANING_WIDTH, "what a message may do");
    for (size_t k = 0; k < SD_COUNT(columns); k++)
        buf_printf(to, "  %*s", -(k + 1 < SD_COUNT(columns)) * LEVEL_WIDTH, trust_level_text(columns[k]));
    buf_byte(to, '\n');
    for (size_t i = 0; i < SD_COUNT(gates); i++) {
        unsigned levels = 0;
        if (!read_levels(settings, i, &levels))
            continue;
        buf_printf(to, "%-11s %-*s", gates[i].key, MEANING_WIDTH, gates[i].meaning);
        for (size_t k = 0; k < SD_COUNT(columns); k++)
            buf_printf(to, "  %*s", -(k + 1 < SD_COUNT(columns)) * LEVEL_WIDTH, levels >> columns[k] & 1 ? "yes" : "no");
        buf_byte(to, '\n');
    }
}

/* The gates that take a message's word for who wrote it. */
static const char *const by_identity[] = {"customer", "auto_answer", "add_people"};

void gates_warn(const struct settings *settings, FILE *to) {
    unsigned taken = 0; /* levels that may open a ticket, at least in Review */
    for (size_t i = 0; i < SD_COUNT(gates); i++) {
        unsigned levels = 0;
        if (!read_levels(settings, i, &levels))
            continue;
        if (strcmp(gates[i].key, "open") == 0 || strcmp(gates[i].key, "review") == 0)
            taken |= levels;
        for (size_t k = 0; k < SD_COUNT(by_identity); k++)
            if (strcmp(gates[i].key, by_identity[k]) == 0 && levels >> TRUST_FAILED & 1)
                (void)fprintf(to, "%s lets forgeries (failed) %s\n", gates[i].setting, gates[i].meaning);
    }
    if (taken == 0)
        (void)fprintf(to, "gates.open and gates.review let nobody in: all mail is quarantined\n");
}

void gates_put_json(const struct settings *settings, struct json_out *j) {
    json_begin_array(j, "gates");
    for (size_t i = 0; i < SD_COUNT(gates); i++) {
        unsigned levels = 0;
        if (!read_levels(settings, i, &levels))
            continue;
        json_begin_object(j, NULL);
        json_cstr(j, "gate", gates[i].key);
        json_cstr(j, "meaning", gates[i].meaning);
        for (size_t k = 0; k < SD_COUNT(columns); k++)
            json_bool(j, trust_level_text(columns[k]), levels >> columns[k] & 1);
        json_end(j);
    }
    json_end(j);
}
