/* For LD_PRELOAD: ends the process, as a kill would, before the call that the environment variable KILL_AT_CALL counts
   down to, of those that change what is on disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void count(void) {
  static long left = -1;
  if (left < 0) {
    char const* number = getenv("KILL_AT_CALL");
    left = number == NULL ? 0 : atol(number);
  }
  if (left > 0 && --left == 0) _exit(137);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, void const* bytes, size_t size) {
  count();
  return REAL(write)(descriptor, bytes, size);
}
int fsync(int descriptor) {
  count();
  return REAL(fsync)(descriptor);
}
int mkdir(char const* path, mode_t mode) {
  count();
  return REAL(mkdir)(path, mode);
}
int unlink(char const* path) {
  count();
  return REAL(unlink)(path);
}
int unlinkat(int folder, char const* path, int flags) {
  count();
  return REAL(unlinkat)(folder, path, flags);
}
int rename(char const* from, char const* to) {
  count();
  return REAL(rename)(from, to);
}
int renameat2(int a, char const* from, int b, char const* to, unsigned flags) {
  count();
  return REAL(renameat2)(a, from, b, to, flags);
}

int open(char const* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t const mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_CREAT) != 0) count();
  return REAL(open)(path, flags, mode);
}
