/* access_settings.c - what the administrator set about access and budgets. */
#include "core/config.h"
#include "core/log.h"
#include "keeper/warrant.h"

#include <stdio.h>
#include <string.h>

#define HOUR_MS (INT64_C(60) * 60 * 1000)
#define OPENS_PER_MINUTE 60
#define OPENS_PER_DAY 1500
#define HEADS_PER_MINUTE 2000
#define HEADS_PER_DAY 60000
#define BUDGET_MAX 1000000000
#define TIMES_MAX 1000

struct access_settings access_settings_default(void) {
    struct access_settings settings = {.origin = "https://desk.invalid",
                                       .rp_id = "desk.invalid",
                                       .passkey_roles = 1u << ROLE_SECURITY | 1u << ROLE_ADMIN,
                                       .warrant_policies = 1u << PURPOSE_RESCAN,
                                       .break_glass_ms = HOUR_MS,
                                       .enrol_ms = 72 * HOUR_MS,
                                       .budget = {OPENS_PER_MINUTE, OPENS_PER_DAY, HEADS_PER_MINUTE, HEADS_PER_DAY}};
    for (size_t i = 0; i < SD_COUNT(settings.budget_times); i++)
        settings.budget_times[i] = 1;
    return settings;
}

static enum sd_err wrong(const char *key) {
    log_error("keeper.settings", "%s cannot be read", key);
    return SD_ERR_CONFIG;
}

/* The origin as browsers write it (RFC 6454 §6.2): scheme, host, port unless it is the scheme's own. */
static enum sd_err read_origin(const struct config *config, struct access_settings *settings) {
    struct span origin = span_cstr(config_text(config, "desk.origin"));
    bool secure = span_starts(origin, SPAN("https://"));
    struct span host = span_from(origin, secure ? 8 : 7);
    host = span_sub(host, 0, span_find(host, ':'));
    if ((!secure && !span_starts(origin, SPAN("http://"))) || host.n == 0 || span_find(host, '/') < host.n ||
        origin.n >= sizeof settings->origin)
        return wrong("desk.origin");
    memset(settings->origin, 0, sizeof settings->origin);
    memset(settings->rp_id, 0, sizeof settings->rp_id);
    memcpy(settings->origin, origin.p, origin.n);
    memcpy(settings->rp_id, host.p, host.n);
    return SD_OK;
}

static enum sd_err read_roles(const struct config *config, uint32_t *ret) {
    struct span list = span_cstr(config_text(config, "access.passkey_roles")), part;
    struct span_split split = span_split_start(list);
    uint32_t roles = 0;
    if (span_eq(span_trim(list), SPAN("none"))) {
        *ret = 0;
        return SD_OK;
    }
    while (span_split_next(&split, ',', &part)) {
        enum person_role role;
        if (!person_role_from(span_trim(part), &role) || role == ROLE_NOBODY)
            return wrong("access.passkey_roles");
        roles |= UINT32_C(1) << role;
    }
    *ret = roles;
    return SD_OK;
}

static enum sd_err read_verbs(const struct config *config, uint32_t *ret) {
    struct span list = span_cstr(config_text(config, "access.four_eyes")), part;
    struct span_split split = span_split_start(list);
    uint32_t verbs = 0;
    while (list.n && span_split_next(&split, ',', &part)) {
        enum verb verb;
        if (!verb_from(span_trim(part), &verb))
            return wrong("access.four_eyes");
        verbs |= UINT32_C(1) << verb;
    }
    *ret = verbs;
    return SD_OK;
}

static enum sd_err read_policies(const struct config *config, uint32_t *ret) {
    struct span list = span_cstr(config_text(config, "access.warrant_policies")), part;
    struct span_split split = span_split_start(list);
    uint32_t purposes = 0;
    if (span_eq(span_trim(list), SPAN("none"))) {
        *ret = 0;
        return SD_OK;
    }
    while (list.n && span_split_next(&split, ',', &part)) {
        enum warrant_purpose purpose = warrant_purpose_from(span_trim(part));
        if (purpose == PURPOSE_NONE || purpose == PURPOSE_DELIVER || purpose == PURPOSE_EXPORT || purpose == PURPOSE_PREVIEW)
            return wrong("access.warrant_policies");
        purposes |= UINT32_C(1) << purpose;
    }
    *ret = purposes;
    return SD_OK;
}

static enum sd_err read_times(const struct config *config, struct access_settings *settings) {
    struct span list = span_cstr(config_text(config, "budget.roles")), part;
    struct span_split split = span_split_start(list);
    while (list.n && span_split_next(&split, ',', &part)) {
        enum person_role role;
        uint64_t times = 0;
        size_t at = span_find(part, '=');
        if (at == part.n || !person_role_from(span_trim(span_sub(part, 0, at)), &role) ||
            span_to_u64(span_trim(span_from(part, at + 1)), &times) != SD_OK || times < 1 || times > TIMES_MAX)
            return wrong("budget.roles");
        settings->budget_times[role] = (uint32_t)times;
    }
    return SD_OK;
}

static enum sd_err read_budget(const struct config *config, struct budget_limits *ret) {
    const struct {
        const char *key;
        uint32_t *to;
    } limits[] = {{"budget.opens_per_minute", &ret->opens_per_minute},
                  {"budget.opens_per_day", &ret->opens_per_day},
                  {"budget.heads_per_minute", &ret->heads_per_minute},
                  {"budget.heads_per_day", &ret->heads_per_day}};
    for (size_t i = 0; i < SD_COUNT(limits); i++) {
        int64_t value = config_int(config, limits[i].key);
        if (value < 1 || value > BUDGET_MAX)
            return wrong(limits[i].key);
        *limits[i].to = (uint32_t)value;
    }
    return SD_OK;
}

static enum sd_err read_times_of_acts(const struct config *config, struct access_settings *settings) {
    int64_t minutes = config_int(config, "access.break_glass_minutes"), hours = config_int(config, "access.enrol_hours");
    if (minutes < 1 || minutes > 24 * 60)
        return wrong("access.break_glass_minutes");
    if (hours < 1 || hours > 24 * 30)
        return wrong("access.enrol_hours");
    settings->break_glass_ms = minutes * 60 * 1000;
    settings->enrol_ms = hours * HOUR_MS;
    return SD_OK;
}

enum sd_err access_settings_from_config(const struct config *config, struct access_settings *ret) {
    struct access_settings settings = access_settings_default();
    settings.totp_step_up = config_bool(config, "access.totp_step_up");
    enum sd_err err = read_origin(config, &settings);
    if (err == SD_OK)
        err = read_roles(config, &settings.passkey_roles);
    if (err == SD_OK)
        err = read_verbs(config, &settings.four_eyes);
    if (err == SD_OK)
        err = read_policies(config, &settings.warrant_policies);
    if (err == SD_OK)
        err = read_times(config, &settings);
    if (err == SD_OK)
        err = read_budget(config, &settings.budget);
    if (err == SD_OK)
        err = read_times_of_acts(config, &settings);
    if (err == SD_OK)
        *ret = settings;
    return err;
}

void keeper_set_access(struct keeper *k, const struct access_settings *settings) {
    k->access = *settings;
}
