/* html_attributes.h - the attributes of one element, but for its style and its link. Inside the mail library. */
#ifndef SD_MAIL_HTML_ATTRIBUTES_H
#define SD_MAIL_HTML_ATTRIBUTES_H

#include "core/buf.h"
#include "mail/html_rules.h"

struct html_attributes {
    struct span of[HTML_ATTRIBUTE_COUNT]; /* first of each name */
    bool has[HTML_ATTRIBUTE_COUNT];
    uint32_t events;  /* handlers */
    uint32_t fetched; /* attributes for which something would be fetched */
};
void html_attributes_read(const GumboNode *node, struct html_attributes *ret);
/* Those that the rule lets stay, each in one writing; their number. */
size_t html_attributes_put(const struct html_attributes *a, const struct html_rule *r, struct buf *to);
void html_put_attribute(struct buf *to, const char *name, struct span value);
/* <font size>: 1 to 7, or that many more or less than 3; 0 for none. */
int html_font_size(struct span value);

#endif
