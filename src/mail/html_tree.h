/* html_tree.h - gumbo's tree in an arena, inside the mail library. */
#ifndef SD_MAIL_HTML_TREE_H
#define SD_MAIL_HTML_TREE_H

#include <gumbo.h>

#include "core/arena.h"

/* Bytes of one document that are read. */
#define HTML_MAX_BYTES                                                                                                         \
    ((size_t)4 * 1024 * 1024) /* letters with pictures written into their HTML; the rest is in the source                      \
                               */
/* A few times what html_is_cheap() lets be open at once. */
#define HTML_TREE_DEPTH_MAX 4096

/* Only of HTML that html_is_cheap(): gumbo cannot be told that there is no memory. The arena frees the tree, and wipes it. */
const GumboNode *html_tree(struct span html, struct arena *arena);
struct span html_attribute(const GumboNode *node, const char *name);
bool html_is_element(const GumboNode *node);

#endif
