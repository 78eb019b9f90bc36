/*
 * loop.h - the keeper's threads: one poll loop that takes every question and makes every decision, one thread for the log,
 * three workers for what is slow. Started after confinement.
 */
#ifndef SD_KEEPER_LOOP_H
#define SD_KEEPER_LOOP_H

#include "keeper/keeper.h"

struct loop;

/* Before start: a place for peers to wait. admin_uid: who, besides root, may use the admin socket. */
enum sd_err loop_new(uint32_t admin_uid, struct loop **ret) SD_MUST_CHECK;
void loop_wake(void *loop);
/* Any thread, any time. Own fd. */
enum sd_err loop_add_peer(struct loop *loop, uint32_t peer, uint16_t instance, int fd) SD_MUST_CHECK;
enum sd_err loop_listen(struct loop *loop, int fd) SD_MUST_CHECK;
enum sd_err loop_start(struct loop *loop, struct keeper *k) SD_MUST_CHECK;
/* Answers what was asked, writes the last checkpoint, ends the threads. */
void loop_stop(struct loop *loop);

#endif
