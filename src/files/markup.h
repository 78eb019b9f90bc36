/* markup.h - tags and attributes of XML and HTML, for looking for things, not for understanding them. Inside the files library.
 *
 * Linear and without a tree: what a tolerant program might take for a tag is one.
 */
#ifndef SD_FILES_MARKUP_H
#define SD_FILES_MARKUP_H

#include "core/buf.h"

struct markup_tag {
    struct span name;  /* without a namespace's prefix */
    struct span inner; /* attributes */
    struct span after; /* everything behind the tag */
    bool closes;
};
/* The next tag of *rest, which then begins behind it. */
bool markup_next(struct span *rest, struct markup_tag *ret);

struct markup_attribute {
    struct span name; /* with its prefix */
    struct span value;
};
/* Start with *rest = tag->inner. */
bool markup_next_attribute(struct span *rest, struct markup_attribute *ret);
/* The first attribute of that name, case-insensitive, prefix or none. */
struct span markup_attribute_of(const struct markup_tag *tag, struct span name);
/* Appends the text with character references resolved and control characters and white space left out, lower case: what a
 * browser makes of the beginning of a URL. */
void markup_put_url(struct span value, struct buf *to);
/* The text up to the next tag. */
struct span markup_text(const struct markup_tag *tag);
/* A target that is fetched from another machine. */
bool markup_is_remote(struct span url);

#endif
