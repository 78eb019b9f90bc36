/*
 * sandbox.h - confines this process, for good, before its first thread and its first input: root change, user, no new
 * privileges, no dumps, Landlock for files, seccomp for system calls, an empty network namespace where the role has no network.
 *
 * What the kernel cannot enforce is named in the report; with require set it is an error.
 */
#ifndef SD_CORE_SANDBOX_H
#define SD_CORE_SANDBOX_H

#include "core/buf.h"

enum sandbox_files {
    FILES_READ = 1 << 0,   /* open for reading, list */
    FILES_WRITE = 1 << 1,  /* open for writing, truncate */
    FILES_MAKE = 1 << 2,   /* create regular files */
    FILES_REMOVE = 1 << 3, /* unlink and rename */
};

enum sandbox_calls {
    CALLS_INET = 1 << 0,   /* make IPv4 and IPv6 sockets, and connect them */
    CALLS_ACCEPT = 1 << 1, /* accept on inherited sockets */
    CALLS_FILES = 1 << 2,  /* open and change files, within Landlock's rules */
    CALLS_UNIX = 1 << 3,   /* connect to unix sockets */
    CALLS_FORK = 1 << 4,   /* make processes like itself, wait for them and kill them; never another program */
};

#define SANDBOX_PATHS_MAX 4
struct sandbox_path {
    const char *dir; /* below the data directory; NULL ends the list */
    unsigned files;  /* enum sandbox_files */
};

struct sandbox_spec {
    const char *data_dir;
    struct sandbox_path paths[SANDBOX_PATHS_MAX + 1];
    unsigned calls;
    uint32_t uid, gid; /* to become when we are root */
    const uint32_t *groups;
    size_t group_count;
    unsigned landlock_abi_max;
    bool require;
};

/* Only the system calls, for a helper process of a role (aside.h) that has no thread yet: base calls and these. */
enum sd_err sandbox_calls_only(unsigned calls) SD_MUST_CHECK;

/* For a helper process, too: no file can be opened by it any more; what is open stays open. Before sandbox_calls_only().
 * SD_ERR_UNSUPPORTED: this kernel has no Landlock. */
enum sd_err sandbox_no_files(void) SD_MUST_CHECK;

/* For a one-shot child of a process with CALLS_FORK: it computes, reads what is open and writes to it, and nothing else: no
 * descriptor is made, sent or received, no process or thread made or killed. Made once, before the parent confines itself, and
 * entered by each child. */
struct sandbox_filter;
enum sd_err sandbox_filter_make(struct sandbox_filter **ret) SD_MUST_CHECK;
enum sd_err sandbox_filter_enter(const struct sandbox_filter *filter) SD_MUST_CHECK;
/* And its limits; no more descriptors than it has, no larger files. Under a sanitizer, memory is not limited: it needs much
 * more. */
enum sd_err sandbox_limits(uint64_t cpu_seconds, uint64_t memory_bytes) SD_MUST_CHECK;

/* Appends the report as JSON: {"user":…,"root":…,"network":…,"files":…,"calls":…,"missing":[…]}. After success, files are found
 * below *ret_data_dir: "" when the root was changed to the data directory. */
enum sd_err sandbox_enter(const struct sandbox_spec *spec, struct buf *report, const char **ret_data_dir) SD_MUST_CHECK;

#endif
