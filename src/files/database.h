/* database.h - what files_new() has read, inside the files library. */
#ifndef SD_FILES_DATABASE_H
#define SD_FILES_DATABASE_H

#include <locale.h>
#include <magic.h>

#include "files/files.h"

struct files {
    magic_t magic;
    locale_t utf8; /* for libarchive's names; 0: there is none, names that are not ASCII lose letters */
};

#endif
