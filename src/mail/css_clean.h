/* css_clean.h - the style attribute of one element, by an allow-list of properties and of what their values may be made of.
 * Inside the mail library. */
#ifndef SD_MAIL_CSS_CLEAN_H
#define SD_MAIL_CSS_CLEAN_H

#include "core/buf.h"
#include "mail/css_colour.h"

struct css_length {
    int32_t hundredths;
    uint8_t unit; /* index into css_length.c's table */
};

/* Hundredths of a pixel where that can be said: font_px is what 1em is, and what 100% is of a font's size. */
struct css_size {
    bool given;
    struct css_length length; /* in its own unit, as it is written again */
};

/* What the element's reader must know, because it means something together with the elements around it. */
struct css_style {
    bool hidden; /* nobody would see the element's text: display:none and its many disguises */
    bool remote; /* something would have been fetched */
    bool has_ink, has_paper;
    struct css_colour ink, paper; /* color, background-color */
    struct css_size font;
    bool margins; /* any margin is given */
};

/*
 * Reads the declarations. What stays is appended to `rest`, in one writing ("a:b;c:d"), without color, background-color and
 * font-size, which are in *ret; nothing that fetches, moves out of its place, covers anything, or is larger than a page. cell:
 * the element is one of a table, whose height may be given. Cleaning the result again gives the same.
 */
void css_clean(struct span style, bool cell, struct css_style *ret, struct buf *rest);

/* Appends `name:value;`-less text of one family list, or nothing. */
void css_put_families(struct span value, struct buf *to);

/* A number with a unit; false when it is none. Keywords of font-size are lengths here. */
bool css_length_read(struct span s, struct css_length *ret);
bool css_font_size_read(struct span s, struct css_length *ret);
void css_length_put(struct css_length l, struct buf *to);
bool css_length_is_percent(struct css_length l);
/* Pixels in hundredths; relative to a font of font_px hundredths. */
int64_t css_length_px(struct css_length l, int64_t font_px);

#endif
