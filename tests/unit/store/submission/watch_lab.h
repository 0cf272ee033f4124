#ifndef SUBMISSION_WATCH_LAB_H
#define SUBMISSION_WATCH_LAB_H

#include "store/submission/watch_private.h"
#include "tests/unit/store/submission/office.h"

#include <sched.h>

static inline void
make_at(int dir, const char *name)
{
	ck_assert_int_eq(mkdirat(dir, name, 0700), 0);
}

static inline void
make_mailbox_at(int dir, const char *name)
{
	static const char *const folders[] = {"", "/.Outbox", "/.Outbox/new",
					      "/.Outbox/cur"};

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = g_strconcat(name, folders[i], NULL);

		make_at(dir, path);
	}
}

static inline int
open_domain(const struct lab *lab)
{
	g_autofree char *path =
	    g_build_filename(lab->path, "db1", "example.com", NULL);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(dir, 0);
	return dir;
}

/* Mailboxes with Outboxes, beside nuno's. */
static inline void
make_mailboxes(const struct lab *lab, int n)
{
	int dir = open_domain(lab);

	for (int i = 0; i < n; i++) {
		char name[64];

		g_snprintf(name, sizeof(name), "u%05d", i);
		make_mailbox_at(dir, name);
	}
	close(dir);
}

static inline void
make_mailbox(const struct lab *lab, const char *name)
{
	int dir = open_domain(lab);

	make_mailbox_at(dir, name);
	close(dir);
}

/* ---- the kernel's limit ------------------------------------------------ */

static inline bool
write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good =
	    fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static inline bool
set_limit(const char *what, int limit)
{
	g_autofree char *path =
	    g_strdup_printf("/proc/sys/user/max_inotify_%s", what);
	g_autofree char *text = g_strdup_printf("%d", limit);

	return write_proc(path, text);
}

/* "watches" or "instances", of a user name space of our own, in which we are
 * root. False: there is none. */
static inline bool
limit_inotify(const char *what, int limit)
{
	g_autofree char *map = g_strdup_printf("0 %u 1", (unsigned)geteuid());

	return unshare(CLONE_NEWUSER) == 0 &&
	       write_proc("/proc/self/uid_map", map) && set_limit(what, limit);
}

/* Which directories this process watches, by the kernel's word: inodes in
 * hexadecimal. */
static inline GHashTable *
watched_inodes(void)
{
	GHashTable *inodes =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (int fd = 3; fd < 100; fd++) {
		g_autofree char *path =
		    g_strdup_printf("/proc/self/fdinfo/%d", fd);
		g_autofree char *text = NULL;

		if (!g_file_get_contents(path, &text, NULL, NULL))
			continue;
		for (char *p = text; (p = strstr(p, "inotify wd:")) != NULL;) {
			p = strstr(p, "ino:") + strlen("ino:");
			g_hash_table_add(inodes, g_strndup(p, strcspn(p, " ")));
		}
	}
	return inodes;
}

static inline guint
count_watched(void)
{
	g_autoptr(GHashTable) inodes = watched_inodes();

	return g_hash_table_size(inodes);
}

static inline bool
is_watched(const struct lab *lab)
{
	g_autoptr(GHashTable) inodes = watched_inodes();
	g_autofree char *path = lab_folder(lab, ".Outbox/new");
	g_autofree char *inode = NULL;
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	inode = g_strdup_printf("%lx", (unsigned long)st.st_ino);
	return g_hash_table_contains(inodes, inode);
}

/* ---- without its thread ------------------------------------------------ */

/* As if its Outbox had last changed long ago. */
static inline void
age(const struct ph_watch_box *w)
{
	static const char *const parts[] = {"new", "cur"};
	const struct timespec then[] = {{1000, 0}, {1000, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path =
		    g_build_filename(w->path, parts[i], NULL);

		/* nuno may have none. */
		if (g_file_test(path, G_FILE_TEST_EXISTS))
			ck_assert_int_eq(utimensat(AT_FDCWD, path, then, 0), 0);
	}
}

/* A watch without its thread, that has looked at everything. */
static inline void
watch_fill(struct ph_watch *watch, struct lab *lab)
{
	watch->submission = &lab->submission;
	watch->rescan = HOUR;
	watch->inotify = -1;
	watch->boxes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     ph_watch_box_free);
	watch->by_wd = g_hash_table_new(NULL, NULL);
	watch->due = g_hash_table_new(NULL, NULL);
	watch->order = g_ptr_array_new();
	watch->polled = 1000;
	ph_watch_walk(watch, lab->snapshot);
	for (guint i = 0; i < watch->order->len; i++) {
		struct ph_watch_box *w = watch->order->pdata[i];

		age(w);
		ph_watch_stamp(w);
		ph_watch_due(watch, w, INT64_MAX);
	}
}

static inline void
watch_clear(struct ph_watch *watch)
{
	g_hash_table_unref(watch->boxes);
	g_hash_table_unref(watch->by_wd);
	g_hash_table_unref(watch->due);
	g_ptr_array_unref(watch->order);
}

#endif
