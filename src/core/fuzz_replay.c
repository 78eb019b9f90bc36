/* Replays files, and the files of folders, through a fuzz target: every corpus runs in every test run, without libFuzzer. */
#include "core/base.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        return 1;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *bytes = malloc(n ? n : 1); /* exact size, so a read past the end is seen by ASan */
    int failed = !bytes || fread(bytes, 1, n, f) != n;
    if (!failed) {
        (void)LLVMFuzzerTestOneInput(bytes, n);
        replayed++;
    }
    free(bytes);
    (void)fclose(f);
    return failed;
}

static int replay(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path);
    DIR *dir = opendir(path);
    int failed = dir == NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char child[4096];
        if (e->d_name[0] != '.' && snprintf(child, sizeof child, "%s/%s", path, e->d_name) < (int)sizeof child)
            failed |= replay(child);
    }
    if (dir)
        (void)closedir(dir);
    return failed;
}

int main(int argc, char **argv) {
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("%lu inputs replayed\n", replayed);
    return failed;
}
