#include "edge/recipients.h"

enum sd_err queues_add(struct queues *queues, struct span name, struct span address) {
    size_t at = span_rfind(address, '@');
    if (queues->count == QUEUES_MAX || at == 0 || at + 1 >= address.n)
        return SD_ERR_CONFIG;
    queues->queues[queues->count++] = (struct queue){name, span_sub(address, 0, at), span_from(address, at + 1)};
    return SD_OK;
}

enum sd_err queues_configure(struct queues *queues, const struct config *config) {
    const char *name;
    const char *address;
    enum sd_err err = SD_OK;
    for (size_t i = 0; err == SD_OK && config_queue(config, i, &name, &address); i++)
        err = queues_add(queues, span_cstr(name), span_cstr(address));
    queues->domain_count = config_domains(config, queues->domains, DOMAINS_MAX);
    return err == SD_OK && queues->count == 0 ? SD_ERR_CONFIG : err;
}

static const struct queue *find(const struct queues *queues, struct span local, struct span domain) {
    for (size_t i = 0; i < queues->count; i++)
        if (span_ieq(queues->queues[i].local, local) && span_ieq(queues->queues[i].domain, domain))
            return &queues->queues[i];
    return NULL;
}

static bool is_our_domain(const struct queues *queues, struct span domain) {
    for (size_t i = 0; i < queues->domain_count; i++)
        if (span_ieq(queues->domains[i], domain))
            return true;
    for (size_t i = 0; i < queues->count; i++)
        if (span_ieq(queues->queues[i].domain, domain))
            return true;
    return false;
}

/* "support"@… is support@… (RFC 5321 §4.1.2); a quoted name with anything that needs the quotes is none of ours. */
static struct span unquoted(struct span local) {
    bool quoted = local.n >= 2 && local.p[0] == '"';
    return quoted ? span_sub(local, 1, local.n - 2) : local;
}

const struct queue *queues_find(const struct queues *queues, const struct mail_path *path, struct span *ret_token) {
    struct span local = unquoted(path->local);
    size_t plus = span_find(local, '+');
    const struct queue *whole = find(queues, local, path->domain);
    const struct queue *queue = whole ? whole : find(queues, span_sub(local, 0, plus), path->domain);
    bool postmaster = span_ieq(local, SPAN("postmaster")) && (path->domain.n == 0 || is_our_domain(queues, path->domain));
    if (!queue && postmaster && queues->count)
        queue = &queues->queues[0];
    *ret_token = queue && !whole && plus < local.n ? span_from(local, plus + 1) : SPAN_NONE;
    return queue;
}
