#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <math.h>

static int compare(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

__attribute__((export_name("median"))) int median(int n) {
  int *values = malloc(n * sizeof(int));
  unsigned state = 1;
  for (int i = 0; i < n; i++) values[i] = (state = state * 1103515245 + 12345) >> 16 & 1023;
  qsort(values, n, sizeof(int), compare);
  int result = values[n / 2];
  printf("median of %d: %d, %.3f\n", n, result, sqrt(result));
  fflush(stdout);
  free(values);
  return result;
}

__attribute__((export_name("seconds"))) long long seconds(void) { return time(NULL); }

__attribute__((export_name("opened"))) int opened(void) { return fopen("/etc/passwd", "r") != NULL; }

__attribute__((export_name("quit"))) void quit(int code) { exit(code); }
