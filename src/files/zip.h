/*
 * zip.h - the structure of zip files (APPNOTE 6.3.10), zero-copy. Inside the files library.
 *
 * The directory at the end is what most programs believe; the header before each entry is what streaming programs believe.
 * Where they differ, zip_next() says so, and zip_hidden() finds entries that the directory does not name.
 */
#ifndef SD_FILES_ZIP_H
#define SD_FILES_ZIP_H

#include "core/arena.h"
#include "core/span.h"

#define ZIP_STORED 0
#define ZIP_DEFLATED 8

struct zip {
    struct span bytes;
    size_t base;         /* bytes before the archive: offsets count from here */
    size_t directory_at; /* from the beginning of bytes */
    size_t directory_end;
    size_t tail;    /* bytes behind its end record and comment */
    uint64_t count; /* of entries, as the end record says */
    size_t at;      /* of the next entry of the directory */
};

struct zip_entry {
    struct span name;
    struct span other_name; /* of the local header or the Unicode extra field, when it is another */
    struct span packed;     /* what is there of it */
    struct span whole;      /* with its local header, for libarchive */
    uint64_t packed_size, size;
    uint32_t crc;
    uint32_t mode; /* Unix's, 0: none */
    uint16_t flags, method;
    uint16_t date, time;
    bool broken;    /* its bytes are not all there */
    bool ambiguous; /* the two headers differ */
};

/* False: there is no directory whose first entry is where it should be. */
bool zip_open(struct span bytes, struct zip *ret);
bool zip_next(struct zip *zip, struct zip_entry *ret);
bool zip_is_encrypted(const struct zip_entry *entry);

#endif
