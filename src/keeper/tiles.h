/*
 * tiles.h - the tree's hashes on disk, so that a proof needs no reading of the log: DIR/tiles.0 has the leaf hashes, one behind
 * another, tiles.1 the roots of each 256 of them, tiles.2 of each 256 of those, and so on: what C2SP tlog-tiles calls tiles,
 * each level in one file.
 *
 * They are a cache. Nobody believes them: whoever makes a proof checks it against the record and a signed checkpoint, and has
 * them rebuilt from the records when it does not hold. So they are written without waiting for the disk, and losing or
 * changing them costs a rebuilding.
 */
#ifndef SD_KEEPER_TILES_H
#define SD_KEEPER_TILES_H

#include "keeper/merkle_proof.h"

#define TILE_HEIGHT 8
#define TILE_LEVELS 8 /* 256^8 leaves */

/* New leaves on their way to the files. */
struct tiles {
    const char *dir;
    uint64_t from[TILE_LEVELS]; /* number of the first hash below, for each level */
    struct buf hashes[TILE_LEVELS];
};
/* At leaf number `size`. */
struct tiles tiles_start(const char *dir, uint64_t size);
void tiles_free(struct tiles *tiles);
/* The tree grows by one leaf; as merkle_add. */
enum sd_err tiles_add(struct tiles *tiles, struct merkle_range *range, const struct sha256 *leaf) SD_MUST_CHECK;
/* To the files; then tiles are at the next leaf. Levels that nothing was added to are not touched. */
enum sd_err tiles_write(struct tiles *tiles) SD_MUST_CHECK;

/* Where proofs get hashes: SD_ERR_NOTFOUND when the files have none. arg is the directory. */
enum sd_err tiles_get(void *dir, unsigned height, uint64_t index, struct sha256 *ret) SD_MUST_CHECK;

/* From the records, up to `until`. While the log goes on: later hashes are its own. */
enum sd_err tiles_rebuild(const char *dir, uint64_t until) SD_MUST_CHECK;

#endif
