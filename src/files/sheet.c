/* Tables as text: CSV whose cells are formulas, and SYLK, which has Excel 4 macros. */
#include "files/sheet.h"

#include "files/judge.h"

#define CELL_MAX 4096   /* of a line of SYLK that is looked at */
#define FORMULA_MAX 512 /* from a cell's beginning */

static bool is_word(uint8_t c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '.' || c == '-';
}

bool sheet_is_dde(struct span formula) {
    formula = span_sub(formula, 0, CELL_MAX);
    for (size_t i = 1; i + 1 < formula.n; i++)
        if (formula.p[i] == '|' && is_word(formula.p[i - 1]) && formula.p[i + 1] != '|') {
            struct span topic = span_from(formula, i + 1);
            if (span_find(topic, '!') < topic.n)
                return true;
        }
    size_t at = span_isearch(formula, SPAN("DDE("));
    return at < formula.n && (at == 0 || !is_word(formula.p[at - 1]));
}

static bool is_formula(struct span cell) {
    cell = span_sub(cell, 0, 16);
    while (cell.n && (cell.p[0] == ' ' || cell.p[0] == '"' || cell.p[0] == '\'' || cell.p[0] == '\t'))
        cell = span_from(cell, 1);
    return cell.n && (cell.p[0] == '=' || cell.p[0] == '+' || cell.p[0] == '-' || cell.p[0] == '@');
}

/* From a cell's beginning to the end of its line: a formula's own commas and semicolons do not end it. */
static struct span formula_at(struct span content, size_t at) {
    struct span rest = span_sub(content, at, FORMULA_MAX);
    size_t lf = span_find(rest, '\n'), cr = span_find(rest, '\r');
    return span_sub(rest, 0, lf < cr ? lf : cr);
}

/* Only where a bar or DDE( stands near, so that long tables of numbers cost their length. */
static void judge_cells(struct judge *j, struct span content, struct span mark) {
    size_t next = 0;
    bool start = true;
    for (size_t i = 0; i < content.n; i++) {
        if (start && is_formula(span_from(content, i))) {
            if (next < i)
                next = i + span_search(span_from(content, i), mark);
            if (next == content.n)
                return;
            if (next - i < FORMULA_MAX && sheet_is_dde(formula_at(content, i))) {
                judge_found(j, FINDING_BIT(DDE));
                return;
            }
        }
        uint8_t c = content.p[i];
        start = c == ',' || c == ';' || c == '\t' || c == '|' || c == '\n' || c == '\r';
        if (i % 65536 == 0 && !judge_goes_on(j))
            return;
    }
}

void sheet_judge_csv(struct judge *j, struct span content) {
    judge_cells(j, content, SPAN("|"));
    if (span_isearch(content, SPAN("DDE(")) < content.n)
        judge_cells(j, content, SPAN("("));
}

/* Macro functions, or a name that runs by itself (NN;NAuto_open). */
static void judge_sylk_line(struct judge *j, struct span line) {
    static const char *const calls[] = {"EXEC(",    "CALL(",  "REGISTER(", "HALT(",  "RUN(",
                                        "FORMULA(", "FOPEN(", "ALERT(",    "RETURN("};
    size_t e = span_search(line, SPAN(";E"));
    if (span_istarts(line, SPAN("NN;")) && span_isearch(line, SPAN("NAuto_")) < line.n)
        judge_found(j, FINDING_BIT(MACRO_EXCEL4) | FINDING_BIT(MACRO_AUTORUN));
    if (span_istarts(line, SPAN("O;E")))
        judge_found(j, FINDING_BIT(MACRO_EXCEL4)); /* the whole table is macros */
    if (e == line.n)
        return;
    struct span formula = span_from(line, e + 2);
    if (sheet_is_dde(formula))
        judge_found(j, FINDING_BIT(DDE));
    for (size_t i = 0; i < SD_COUNT(calls); i++)
        if (span_isearch(formula, span_cstr(calls[i])) < formula.n)
            judge_found(j, FINDING_BIT(MACRO_EXCEL4));
}

void sheet_judge_sylk(struct judge *j, struct span content) {
    struct span_split lines = span_split_start(content);
    struct span line;
    while (span_split_next(&lines, '\n', &line) && judge_goes_on(j))
        judge_sylk_line(j, span_sub(span_trim(line), 0, CELL_MAX));
}
