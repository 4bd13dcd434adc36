/* keywords MODEL RECORDS LABELS: recognises spoken words and counts how many it gets right. */
#include <stdio.h>
#include <stdlib.h>
#include <strata.h>

enum { frames = 49, coefficients = 10, words = 12 };

static void check(strata_status status) {
  if (status == STRATA_OK) return;
  fprintf(stderr, "keywords: %s\n", strata_error_message());
  exit(1);
}

int main(int argc, char** argv) {
  FILE* records = argc == 4 ? fopen(argv[2], "rb") : NULL;
  FILE* labels = argc == 4 ? fopen(argv[3], "rb") : NULL;
  if (!records || !labels) return fprintf(stderr, "keywords MODEL RECORDS LABELS\n"), 2;

  const strata_option options[] = {{"threads", "1"}, {"memory_budget", "100000"}};
  strata_session* session;
  check(strata_load(argv[1], options, 2, &session));

  float sound[frames * coefficients], scores[words];
  strata_tensor input = {STRATA_F32, 4, {1, 1, frames, coefficients}, sound, sizeof sound};
  signed char record[frames * coefficients];
  int right = 0, count = 0;
  for (; fread(record, sizeof record, 1, records) == 1; ++count) {
    for (int i = 0; i < frames * coefficients; ++i) sound[i] = 0.58470291f * (record[i] - 83);
    strata_tensor output = {.data = scores, .bytes = sizeof scores};
    check(strata_run(session, &input, 1, &output, 1));
    int best = 0;
    for (int i = 1; i < output.dims[1]; ++i) best = scores[i] > scores[best] ? i : best;
    right += best == fgetc(labels);
  }
  printf("%d of %d right\n", right, count);
  strata_free(session);
  fclose(records);
  fclose(labels);
  return 0;
}
