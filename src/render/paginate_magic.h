/* paginate_magic.h - what files begin with. */
#ifndef SD_RENDER_PAGINATE_MAGIC_H
#define SD_RENDER_PAGINATE_MAGIC_H

#include "render/paginate.h"

struct magic {
    size_t at;
    struct span bytes;
    enum file_form form;
    const char *reader; /* of a picture: GraphicsMagick's name for its kind */
};
/* NULL: none of the table's. */
const struct magic *magic_find(struct span content);

#endif
