/* rule_json.h - rules as people and programs read them, and checked when they come in. */
#ifndef SD_KEEPER_RULE_JSON_H
#define SD_KEEPER_RULE_JSON_H

#include "core/ipc/cards.h"
#include "core/json_out.h"
#include "keeper/asker.h"

/* "allow","verbs":[…],"queue","categories":[…] as members of the object that is open. queue "": the person's own. */
void put_rule_members(struct json_out *j, bool allow, uint32_t verbs, struct span queue, unsigned categories);
/* What is wrong with a rule that came in, as a sentence; NULL: nothing. */
enum sd_err rule_problem(struct keeper *k, const struct cards_rule_v1 *rule, const char **ret_problem) SD_MUST_CHECK;
/* A row of a role (role not empty) or of a person. Within a transaction. */
struct rule_row {
    struct span role, person, note, made_by;
};
enum sd_err rule_add(struct keeper *k, const struct cards_rule_v1 *rule, const struct rule_row *row,
                     uint64_t *ret_number) SD_MUST_CHECK;

/* Would this person both administer people and destroy mail or set policy? By the rules as the database has them now. */
enum sd_err person_conflicts(struct keeper *k, struct span person, bool *ret) SD_MUST_CHECK;
#define PROBLEM_CONFLICT                                                                                                       \
    "Nobody may both administer people and destroy mail or set policy. Give one of the two to somebody else."

#endif
