/*
 * Drops unsynced writes: a library to preload.
 *
 * Files in $UNSYNCED_FROM are copied to $UNSYNCED_TO when they are synced, and removed there
 * when the directory is synced, so that the copies are what a disk would hold after a power
 * failure.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes the copies of files that are gone. */
static void forget(const char *from, const char *to) {
    char path[PATH_MAX], copy[PATH_MAX];
    DIR *copies = opendir(to);
    for (struct dirent *entry; copies != NULL && (entry = readdir(copies)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", from, entry->d_name);
        snprintf(copy, sizeof copy, "%s/%s", to, entry->d_name);
        if (access(path, F_OK) != 0) {
            unlink(copy);
        }
    }
    closedir(copies);
}

static void keep(int file) {
    const char *from = getenv("UNSYNCED_FROM"), *to = getenv("UNSYNCED_TO");
    char link[64], path[PATH_MAX], copy[PATH_MAX], part[PATH_MAX], buffer[1 << 16];
    if (from == NULL || to == NULL) {
        return;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) {
        return;
    }
    path[length] = '\0';
    if (strncmp(path, from, strlen(from)) != 0) {
        return;
    }
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        forget(from, to);
        return;
    }
    snprintf(copy, sizeof copy, "%s/%s", to, strrchr(path, '/') + 1);
    snprintf(part, sizeof part, "%s.part", copy);
    int input = open(path, O_RDONLY);
    int output = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t bytes;
    while ((bytes = read(input, buffer, sizeof buffer)) > 0) {
        if (write(output, buffer, (size_t)bytes) != bytes) {
            abort();
        }
    }
    close(input);
    close(output);
    rename(part, copy);
}

static int call(const char *name, int file) {
    int (*function)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = function(file);
    if (result == 0) {
        keep(file);
    }
    return result;
}

int fsync(int file) { return call("fsync", file); }

int fdatasync(int file) { return call("fdatasync", file); }
