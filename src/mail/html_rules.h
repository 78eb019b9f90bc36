/* html_rules.h - what becomes of each element of HTML in a letter. Inside the mail library. */
#ifndef SD_MAIL_HTML_RULES_H
#define SD_MAIL_HTML_RULES_H

#include <gumbo.h>

#include "core/base.h"

/*
 * The kinds are those that the parser of the HTML standard treats alike (§13.2.6.4.7 and following). Whoever writes a tag asks
 * first whether, where it stands, the parser would put the element there and nowhere else.
 */
enum html_kind {
    HTML_TRANSPARENT, /* its tags go, what it holds stays; everything that has no other kind */
    HTML_DROPPED,     /* goes with what it holds */
    HTML_SCRIPT,      /* the same, and is counted */
    HTML_CONTROL,     /* the same, counted as a form's */
    HTML_FORM,        /* transparent, and counted */
    HTML_BODY,        /* a block when it has a style, else transparent */
    HTML_INLINE,
    HTML_FORMATTING,
    HTML_LINK,
    HTML_PICTURE, /* text that stands for it */
    HTML_VOID,
    HTML_BLOCK,
    HTML_PARAGRAPH, /* a block that the parser would close before any other block: written as div */
    HTML_PREFORMATTED,
    HTML_HEADING,
    HTML_LIST,
    HTML_ITEM,
    HTML_TABLE,
    HTML_CAPTION,
    HTML_ROWS,
    HTML_ROW,
    HTML_CELL,
};

struct html_rule {
    enum html_kind kind;
    const char *name; /* that is written */
};
const struct html_rule *html_rule_of(GumboTag tag);
/* What a cell or an item becomes outside its table or list, and a paragraph anywhere. */
extern const struct html_rule html_rule_div;

/* Attributes that are read at all. */
enum html_attribute {
    HTML_ATTRIBUTE_OTHER,
    HTML_ATTRIBUTE_EVENT, /* on... */
    HTML_ATTRIBUTE_STYLE,
    HTML_ATTRIBUTE_HREF,
    HTML_ATTRIBUTE_ALT,
    HTML_ATTRIBUTE_HIDDEN,
    HTML_ATTRIBUTE_FETCHED, /* background and the like */
    HTML_ATTRIBUTE_ALIGN,
    HTML_ATTRIBUTE_VALIGN,
    HTML_ATTRIBUTE_BGCOLOR,
    HTML_ATTRIBUTE_COLOR,
    HTML_ATTRIBUTE_FACE,
    HTML_ATTRIBUTE_SIZE,
    HTML_ATTRIBUTE_WIDTH,
    HTML_ATTRIBUTE_HEIGHT,
    HTML_ATTRIBUTE_CELLPADDING,
    HTML_ATTRIBUTE_CELLSPACING,
    HTML_ATTRIBUTE_BORDER,
    HTML_ATTRIBUTE_COLSPAN,
    HTML_ATTRIBUTE_ROWSPAN,
    HTML_ATTRIBUTE_START,
    HTML_ATTRIBUTE_DIR,
    HTML_ATTRIBUTE_COUNT
};
enum html_attribute html_attribute_of(const char *name);

#endif
