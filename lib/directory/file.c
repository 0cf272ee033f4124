#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/directory/file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_LIMIT 200
#define READER_SLOTS 1024
#define RETRY_MS 1000

bool
ph_dirfile_is_damage(int rc)
{
	return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
	       rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ||
	       rc == MDB_PANIC;
}

int
ph_dirfile_fail(struct ph_dirfile *file, int rc, const char *what,
		struct ph_err *err)
{
	bool damage = ph_dirfile_is_damage(rc);

	/* The writer was started with a larger map_size: open again. */
	if (rc == MDB_MAP_RESIZED)
		g_atomic_int_set(&file->trouble, TROUBLE_REOPEN);
	if (damage)
		g_atomic_int_set(&file->trouble, TROUBLE_DAMAGED);
	if (rc == MDB_MAP_FULL)
		g_atomic_int_set(&file->full, 1);
	return ph_err_set(err, damage ? PH_ERR_PERM : PH_ERR_TEMP, "%s: %s: %s",
			  file->path, what, mdb_strerror(rc));
}

void
ph_dirfile_append_part(GString *out, const char *text)
{
	g_autofree char *hash = NULL;

	if (strlen(text) <= PART_LIMIT) {
		g_string_append(out, text);
		return;
	}
	hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	g_string_append_c(out, '\1');
	g_string_append(out, hash);
}

bool
ph_dirfile_is_hashed(const GString *key)
{
	return key->len > 0 && key->str[0] == '\1';
}

/* A step can be undone, so one changed bit is never lost on the way. */
static uint64_t
mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ sum >> 32;
}

uint64_t
ph_dirfile_sum(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t sum = size, word;

	for (; size >= sizeof word; p += sizeof word, size -= sizeof word) {
		memcpy(&word, p, sizeof word);
		sum = mix(sum, word);
	}
	word = 0;
	memcpy(&word, p, size);
	return mix(sum, word);
}

/* ---- opening ----------------------------------------------------------- */

struct ph_dirfile *
ph_dirfile_new_as(const struct ph_dirfile_format *format, const char *path,
		  int64_t map_size, bool writer)
{
	struct ph_dirfile *file = g_new0(struct ph_dirfile, 1);
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	g_atomic_ref_count_init(&file->references);
	file->format = format;
	file->path = g_strdup(path);
	file->map_size = ((size_t)map_size + page - 1) / page * page;
	file->writer = writer;
	file->kind = ph_kind_find("recipient");
	file->alive_fd = -1;
	g_assert(file->kind != NULL);
	g_rw_lock_init(&file->lock);
	file->pool = ph_dirpool_new();
	file->fresh =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	if (writer && format->briefs)
		file->briefs = ph_dirbriefs_new(file);
	return file;
}

struct ph_dirfile *
ph_dirfile_ref(struct ph_dirfile *file)
{
	g_atomic_ref_count_inc(&file->references);
	return file;
}

/* With the lock held exclusively. */
static void
close_env(struct ph_dirfile *file)
{
	if (file->env != NULL) {
		ph_dirpool_clear(file->pool);
		g_atomic_pointer_set(&file->complete_at, 0);
		mdb_env_close(file->env);
		file->env = NULL;
	}
	if (file->alive_fd >= 0)
		close(file->alive_fd);
	file->alive_fd = -1;
}

void
ph_dirfile_close(struct ph_dirfile *file)
{
	ph_dirbriefs_stop(file->briefs);
	g_rw_lock_writer_lock(&file->lock);
	close_env(file);
	g_rw_lock_writer_unlock(&file->lock);
}

void
ph_dirfile_unref(struct ph_dirfile **file)
{
	struct ph_dirfile *f = *file;

	*file = NULL;
	if (f == NULL || !g_atomic_ref_count_dec(&f->references))
		return;
	ph_dirbriefs_free(&f->briefs);
	close_env(f);
	g_rw_lock_clear(&f->lock);
	ph_dirpool_free(&f->pool);
	g_hash_table_destroy(f->fresh);
	g_free(f->path);
	g_free(f);
}

bool
ph_dirfile_lost(struct ph_dirfile *file)
{
	struct stat st;

	return g_atomic_int_get(&file->trouble) != TROUBLE_NONE ||
	       stat(file->path, &st) != 0 || st.st_ino != file->inode ||
	       st.st_dev != file->device;
}

bool
ph_dirfile_damaged(struct ph_dirfile *file)
{
	return g_atomic_int_get(&file->trouble) == TROUBLE_DAMAGED;
}

bool
ph_dirfile_is_full(struct ph_dirfile *file)
{
	return g_atomic_int_get(&file->full) != 0;
}

void
ph_dirfile_has_room(struct ph_dirfile *file)
{
	g_atomic_int_set(&file->full, 0);
}

/*
 * The writer holds a lock on the file for as long as it lives: a reader that
 * sees it need not look through the file by itself. Not one of LMDB's locks,
 * which are on the lock file.
 */
static bool
writer_is_alive(int fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static int
show_alive(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		(void)fcntl(fd, F_OFD_SETLK, &lock);
	return fd;
}

/* Makes and fills what a writer needs, or finds what a reader needs. */
static int
prepare_dbs(struct ph_dirfile *file, struct ph_err *err)
{
	MDB_txn *txn;
	int rc =
	    mdb_txn_begin(file->env, NULL, file->writer ? 0 : MDB_RDONLY, &txn);

	if (rc != 0)
		return ph_dirfile_fail(file, rc, "begin", err);
	rc = ph_dirfile_open_dbs(file, txn, file->writer, file->db);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	file->other = rc == MDB_VERSION_MISMATCH;
	/* A reader waits until the writer has put its own in the place. */
	if (file->other)
		return ph_err_set(err, file->writer ? PH_ERR_PERM : PH_ERR_TEMP,
				  "%s was made for another [directory] type, "
				  "or by another version",
				  file->path);
	return rc == 0 ? 0 : ph_dirfile_fail(file, rc, "databases", err);
}

static int
open_env(struct ph_dirfile *file, struct ph_err *err)
{
	const unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
	int rc = mdb_env_create(&file->env);

	g_assert(rc == 0);
	(void)mdb_env_set_maxdbs(file->env, PH_DIRFILE_DBS);
	(void)mdb_env_set_maxreaders(file->env, READER_SLOTS);
	(void)mdb_env_set_mapsize(file->env, file->map_size);
	/* NOMETASYNC: a crash of the machine can undo the last change, which
	 * Redis or LDAP still has, but never harms the file. */
	rc = mdb_env_open(file->env, file->path,
			  flags | (file->writer ? MDB_NOMETASYNC : MDB_RDONLY),
			  0660);
	if (rc != 0)
		return ph_dirfile_fail(file, rc, "open", err);
	return prepare_dbs(file, err);
}

/* The group that may use our sockets may look up in the file as well: it is
 * the group of the directory when that has the set-group-id bit. */
static void
set_modes(struct ph_dirfile *file)
{
	g_autofree char *lock = g_strconcat(file->path, "-lock", NULL);

	(void)chmod(file->path, 0660);
	(void)chmod(lock, 0660);
}

/* 1: fd of the file, which has a size; 0: none; -1. */
static int
look_at(struct ph_dirfile *file, int *fd_r, struct ph_err *err)
{
	g_autofree char *lock = g_strconcat(file->path, "-lock", NULL);
	struct stat st;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) != 0) {
		int saved = errno;

		if (fd >= 0)
			close(fd);
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", file->path,
				  g_strerror(saved));
	}
	/* The lock file is the writer's to make, with the right owner. */
	if (st.st_size == 0 || (!file->writer && access(lock, F_OK) != 0)) {
		close(fd);
		return 0;
	}
	*fd_r = fd;
	return 1;
}

static int
check_existing(struct ph_dirfile *file, struct ph_err *err)
{
	int fd = -1, r = look_at(file, &fd, err);
	bool alive;

	if (r != 1)
		return r;
	alive = !file->writer && writer_is_alive(fd);
	close(fd);
	if (!alive && ph_dirfile_check(file, err) < 0)
		return -1;
	return 1;
}

static int
open_checked(struct ph_dirfile *file, struct ph_err *err)
{
	struct stat st;
	mdb_filehandle_t fd;
	int r = check_existing(file, err);

	if (r < 0 || (r == 0 && !file->writer))
		return r;
	if (open_env(file, err) < 0)
		return -1;
	if (mdb_env_get_fd(file->env, &fd) != 0 || fstat(fd, &st) != 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", file->path,
				  g_strerror(errno));
	file->device = st.st_dev;
	file->inode = st.st_ino;
	g_atomic_int_set(&file->trouble, TROUBLE_NONE);
	g_atomic_int_set(&file->full, 0);
	if (file->writer) {
		set_modes(file);
		file->alive_fd = show_alive(file->path);
	}
	return 1;
}

/* A reader does not look through a damaged file for each address. */
static int
reader_open(struct ph_dirfile *file, struct ph_err *err)
{
	const int64_t now = ph_clock_mono();
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (file->failed_at != 0 && now - file->failed_at < RETRY_MS)
		return ph_err_set(err, file->failed.kind, "%s",
				  file->failed.text);
	r = open_checked(file, &why);
	file->failed_at = r < 0 ? now : 0;
	file->failed = why;
	return r < 0 ? ph_err_set(err, why.kind, "%s", why.text) : r;
}

static bool
is_good(struct ph_dirfile *file)
{
	return file->env != NULL && !ph_dirfile_lost(file);
}

int
ph_dirfile_open(struct ph_dirfile *file, struct ph_err *err)
{
	/* Only the writer's own thread opens and closes its file. */
	bool good = file->writer && is_good(file);
	int r = 1;

	if (!good)
		ph_dirbriefs_stop(file->briefs);
	g_rw_lock_writer_lock(&file->lock);
	if (!file->writer)
		good = is_good(file);
	if (!good) {
		close_env(file);
		r = file->writer ? open_checked(file, err)
				 : reader_open(file, err);
		if (r != 1)
			close_env(file);
	}
	g_rw_lock_writer_unlock(&file->lock);
	if (r == 1)
		ph_dirbriefs_load(file->briefs);
	return r;
}

static const char *
aside_suffix(struct ph_dirfile *file)
{
	if (file->other)
		return ".old";
	return g_atomic_int_get(&file->full) != 0 ? ".full" : ".damaged";
}

int
ph_dirfile_discard(struct ph_dirfile *file, struct ph_err *err)
{
	g_autofree char *aside =
	    g_strconcat(file->path, aside_suffix(file), NULL);
	g_autofree char *lock = g_strconcat(file->path, "-lock", NULL);

	ph_dirfile_close(file);
	if (rename(file->path, aside) != 0 && errno != ENOENT)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", aside,
				  g_strerror(errno));
	/* Readers of the old file keep their own; the new one begins with
	 * a new table of readers. */
	(void)unlink(lock);
	return 0;
}

int
ph_dirfile_begin(struct ph_dirfile *file, struct ph_err *err)
{
	bool damaged = ph_dirfile_damaged(file);
	struct ph_err why = PH_ERR_INIT;

	if (!damaged) {
		if (ph_dirfile_open(file, &why) == 1)
			return 0;
		if (why.kind != PH_ERR_PERM)
			return ph_err_set(err, why.kind, "%s", why.text);
	}
	ph_error("directory: %s; moved aside, the file is made anew",
		 damaged ? "the file was found to be damaged" : why.text);
	if (ph_dirfile_discard(file, err) < 0)
		return -1;
	return ph_dirfile_open(file, err) == 1 ? 0 : -1;
}

void
ph_dirfile_clean(struct ph_dirfile *file)
{
	int dead;

	g_rw_lock_reader_lock(&file->lock);
	if (file->env != NULL)
		(void)mdb_reader_check(file->env, &dead);
	g_rw_lock_reader_unlock(&file->lock);
}
