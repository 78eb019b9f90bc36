/* css_colour.h - colours of letters' HTML. Inside the mail library. */
#ifndef SD_MAIL_CSS_COLOUR_H
#define SD_MAIL_CSS_COLOUR_H

#include "core/span.h"

struct css_colour {
    uint32_t rgb; /* 0xrrggbb */
    uint8_t alpha;
};
/* Names, #rgb and the like, rgb(); false when it is none. */
bool css_colour_read(struct span s, struct css_colour *ret);
/* As bgcolor and <font color> have them: the "#" may be missing. */
bool css_colour_read_attribute(struct span s, struct css_colour *ret);
/* What is seen of a colour on another. */
uint32_t css_colour_over(struct css_colour c, uint32_t below);
/* Text of the one on the other is not seen. */
bool css_colour_alike(uint32_t a, uint32_t b);

#endif
