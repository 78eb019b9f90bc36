/* html_guard.h - is this HTML cheap to parse? Inside the mail library. */
#ifndef SD_MAIL_HTML_GUARD_H
#define SD_MAIL_HTML_GUARD_H

#include "core/span.h"

/*
 * An HTML parser's stack and its list of formatting elements can be made to cost the square of the input. This reads the tags
 * first and says whether the whole stays within named budgets; it counts too much rather than too little.
 * Neither is HTML that gumbo would make other bytes of than it says.
 */
bool html_is_cheap(struct span html);

#endif
