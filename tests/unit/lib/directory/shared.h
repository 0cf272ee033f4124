#ifndef SHARED_H
#define SHARED_H

#include "lib/directory/directory_shared.h"
#include "tests/unit/lib/directory/place.h"
#include "tests/unit/lib/directory/source.h"

#define START INT64_C(1000000)
#define KB INT64_C(1024)

static int64_t now;

G_GNUC_UNUSED static int64_t
read_clock(void)
{
	return now;
}

/* One host: its file, the writer's directory and a reader's, which never share
 * a process but for a test: the reader is opened after the writer is closed. */
struct host {
	struct place place;
	struct source source;
	struct ph_directory *directory;
	const char *origin;
	int64_t size, map_size;
};

G_GNUC_UNUSED static void
host_make(struct host *h)
{
	*h = (struct host){
	    .origin = "here", .size = INT64_C(1) << 20, .map_size = MAP_SIZE};
	now = START;
	place_make(&h->place);
}

G_GNUC_UNUSED static void
host_open(struct host *h, bool writer)
{
	g_autofree char *status =
	    g_build_filename(h->place.dir, "directory.status", NULL);
	const struct ph_shared_settings settings = {
	    .path = h->place.path,
	    .map_size = h->map_size,
	    .limits = {.positive_ttl = 300,
		       .negative_ttl = 60,
		       .stale_ttl = 1000,
		       .size = h->size},
	    .origin = h->origin,
	    .writer = writer,
	    .status = status,
	    .clock = read_clock,
	};

	h->directory = ph_directory_shared(
	    ph_directory_new(&source_ops, &h->source), &settings);
}

/* The source goes with it. */
G_GNUC_UNUSED static void
host_close(struct host *h)
{
	ph_directory_close(&h->directory);
	h->source = (struct source){0};
}

G_GNUC_UNUSED static void
host_free(struct host *h)
{
	host_close(h);
	place_free(&h->place);
}

/* A writer that learns these, and ends. */
G_GNUC_UNUSED static void
learn(struct host *h, const char *address, const char *name)
{
	host_open(h, true);
	h->source.entry = name != NULL ? people_mailbox(name, "") : NULL;
	(void)people_find(h->directory, address);
	host_close(h);
}

G_GNUC_UNUSED static void
away(struct host *h, bool writer)
{
	host_open(h, writer);
	h->source.error = PH_ERR_TEMP;
}

G_GNUC_UNUSED static size_t
count_known(struct host *h, unsigned from, unsigned to)
{
	size_t known = 0;

	for (unsigned i = from; i < to; i++) {
		g_autofree char *address = g_strdup_printf("%u@test.org", i);

		known += strcmp(people_find(h->directory, address), TEMP) != 0;
	}
	return known;
}

#endif
