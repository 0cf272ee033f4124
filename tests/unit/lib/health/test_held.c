#include "lib/health/epochs.h"
#include "lib/health/held.h"

#include "lib/base/clock.h"
#include "tests/unit/lib/routing/world.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORLD                                                                 \
	"site A\nserver M1 Site=A\nserver M2 Site=A\n"                        \
	"database AUTO Servers=M1,M2 Active=M1 Epoch=4 AutoActivation=true\n" \
	"database TWO Servers=M1,M2 Active=M1 Epoch=2\n"                      \
	"database ONE Servers=M1\n"

struct scene {
	char *dir;
	struct ph_conf *conf;
	struct world w;
	struct ph_held *held;
};

static void
scene_open(struct scene *s, const char *more)
{
	g_autofree char *path = NULL, *text = NULL;
	struct ph_err err = PH_ERR_INIT;

	s->dir = unit_mkdir();
	path = g_build_filename(s->dir, "posthub.conf", NULL);
	text = g_strdup_printf("[server]\nname = M1\nstate_dir = %s\n%s",
			       s->dir, more);
	ck_assert(g_file_set_contents(path, text, -1, NULL));
	ck_assert_msg(ph_conf_load(path, &s->conf, &err) == 0, "%s", err.text);
	world_open(&s->w, WORLD);
	s->held = ph_held_open(s->conf);
}

static void
scene_close(struct scene *s)
{
	ph_held_close(&s->held);
	ph_held_close(&s->held);
	world_close(&s->w);
	ph_conf_free(&s->conf);
	unit_rmdir(&s->dir);
}

static int
check(struct scene *s, const char *name)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_held_check(s->held,
			      ph_topology_database(s->w.topology, name), &err);

	ck_assert(r == 1 || strstr(err.text, name));
	return r;
}

static void
write_rows(struct scene *s, int64_t epoch, int64_t ms)
{
	const struct ph_held_row rows[] = {
	    {"other one", 4, ph_clock_mono() + 60000},
	    {"Auto", epoch, ph_clock_mono() + ms},
	    {"two", 2, ph_clock_mono() + 60000},
	};

	ck_assert_int_eq(ph_held_write(s->conf, rows, 3, NULL), 0);
}

START_TEST(test_what_has_to_be_held)
{
	struct scene s;

	scene_open(&s, "");
	ck_assert_int_eq(check(&s, "AUTO"), 0);
	ck_assert_int_eq(check(&s, "TWO"), 1);
	ck_assert_int_eq(check(&s, "ONE"), 1);
	scene_close(&s);
	/* A copy that has to be made ready is no other's. */
	scene_open(&s, "[delivery]\nactivation_hook = /bin/true\n");
	ck_assert_int_eq(check(&s, "AUTO"), 0);
	ck_assert_int_eq(check(&s, "TWO"), 0);
	ck_assert_int_eq(check(&s, "ONE"), 1);
	write_rows(&s, 4, 60000);
	ck_assert_int_eq(check(&s, "TWO"), 1);
	scene_close(&s);
}
END_TEST

START_TEST(test_until)
{
	struct scene s;

	scene_open(&s, "");
	write_rows(&s, 4, 60000);
	ck_assert_int_eq(check(&s, "AUTO"), 1);
	write_rows(&s, 3, 60000);
	ck_assert_int_eq(check(&s, "AUTO"), 0);
	write_rows(&s, 5, 60000);
	ck_assert_int_eq(check(&s, "AUTO"), 0);
	write_rows(&s, 4, 0);
	ck_assert_int_eq(check(&s, "AUTO"), 0);
	scene_close(&s);
}
END_TEST

/* Cut anywhere it says less, never more; and of another boot nothing. */
START_TEST(test_damage)
{
	struct scene s;
	g_autofree char *path = NULL, *text = NULL, *other = NULL;
	gsize size;

	scene_open(&s, "");
	path = g_build_filename(s.dir, "held", NULL);
	write_rows(&s, 4, 60000);
	ck_assert(g_file_get_contents(path, &text, &size, NULL));
	for (gsize n = 0; n < size; n++) {
		ck_assert(g_file_set_contents(path, text, (gssize)n, NULL));
		if (!strstr(text, " auto\n") ||
		    n < (gsize)(strstr(text, " auto\n") - text) + 5)
			ck_assert_int_eq(check(&s, "AUTO"), 0);
	}
	other = g_strdup(text);
	other[0] = other[0] == 'a' ? 'b' : 'a';
	ck_assert(g_file_set_contents(path, other, -1, NULL));
	ck_assert_int_eq(check(&s, "AUTO"), 0);
	ck_assert(g_file_set_contents(path, text, -1, NULL));
	ck_assert_int_eq(check(&s, "AUTO"), 1);
	scene_close(&s);
}
END_TEST

/* ---- Epochs ------------------------------------------------------------- */

START_TEST(test_epochs)
{
	struct scene s;
	struct world lower;
	g_autofree char *path = NULL;
	struct ph_epochs *epochs = NULL;

	scene_open(&s, "");
	path = g_build_filename(s.dir, "epochs", NULL);
	ck_assert_int_eq(ph_epochs_open(path, &epochs, NULL), 0);
	ck_assert_int_eq(ph_epochs_highest(epochs, "AUTO"), -1);
	ck_assert_int_eq(ph_epochs_note(epochs, s.w.topology, NULL), 0);
	ck_assert_int_eq(ph_epochs_highest(epochs, "auto"), 4);
	ck_assert_int_eq(ph_epochs_highest(epochs, "ONE"), -1);
	ph_epochs_close(&epochs);
	/* Another process, and a state of before. */
	ck_assert_int_eq(ph_epochs_open(path, &epochs, NULL), 0);
	world_open(&lower, "site A\nserver M1 Site=A\n"
			   "database AUTO Active=M1 Epoch=3\n"
			   "database NEW Active=M1 Epoch=1\n");
	ck_assert_int_eq(ph_epochs_note(epochs, lower.topology, NULL), 0);
	ck_assert_int_eq(ph_epochs_highest(epochs, "AUTO"), 4);
	ck_assert_int_eq(ph_epochs_highest(epochs, "TWO"), 2);
	world_close(&lower);
	ph_epochs_close(&epochs);
	ph_epochs_close(&epochs);
	scene_close(&s);
}
END_TEST

/* Not on disk now, but the next time. */
START_TEST(test_epochs_without_a_disk)
{
	struct scene s;
	g_autofree char *dir = NULL, *path = NULL;
	struct ph_epochs *epochs = NULL;

	scene_open(&s, "");
	dir = g_build_filename(s.dir, "later", NULL);
	path = g_build_filename(dir, "epochs", NULL);
	ck_assert_int_eq(ph_epochs_open(path, &epochs, NULL), 0);
	ck_assert_int_eq(ph_epochs_note(epochs, s.w.topology, NULL), -1);
	ck_assert_int_eq(ph_epochs_highest(epochs, "AUTO"), 4);
	ck_assert_int_eq(g_mkdir(dir, 0700), 0);
	ck_assert_int_eq(ph_epochs_note(epochs, s.w.topology, NULL), 0);
	ph_epochs_close(&epochs);
	ck_assert_int_eq(ph_epochs_open(path, &epochs, NULL), 0);
	ck_assert_int_eq(ph_epochs_highest(epochs, "AUTO"), 4);
	ph_epochs_close(&epochs);
	scene_close(&s);
}
END_TEST

START_TEST(test_epochs_damaged)
{
	static const char *const texts[] = {"x\n", "4\n", "4 \n", "-1 a\n",
					    "4 a\n\nb 5\n"};
	struct scene s;
	g_autofree char *path = NULL;
	struct ph_epochs *epochs = NULL;
	struct ph_err err = PH_ERR_INIT;

	scene_open(&s, "");
	path = g_build_filename(s.dir, "epochs", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		ck_assert(g_file_set_contents(path, texts[i], -1, NULL));
		ck_assert_int_eq(ph_epochs_open(path, &epochs, &err), -1);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
	}
	ck_assert(g_file_set_contents(path, "4 a b\n", -1, NULL));
	ck_assert_int_eq(ph_epochs_open(path, &epochs, NULL), 0);
	ck_assert_int_eq(ph_epochs_highest(epochs, "A b"), 4);
	ph_epochs_close(&epochs);
	scene_close(&s);
}
END_TEST

UNIT_MAIN("lib/health/held", test_what_has_to_be_held, test_until, test_damage,
	  test_epochs, test_epochs_without_a_disk, test_epochs_damaged)
