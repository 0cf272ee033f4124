#include "lib/state/snapshot.h"

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/state/bytes.h"
#include "lib/state/snapshot_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The file: 8 bytes "PHSNAP" and the format's version, two digits; SHA-256 of
 * the rest, 32 bytes; then the number of objects and, for each, its kind and
 * its packed form as counted strings (object_pack.c). Nothing follows.
 */
static const char magic[8] = {'P', 'H', 'S', 'N', 'A', 'P', '0', '1'};

#define DIGEST_SIZE 32
#define HEAD_SIZE (sizeof(magic) + DIGEST_SIZE)
/* Topology, rules and settings are small. */
#define FILE_LIMIT (INT64_C(256) << 20)

static void
digest(const uint8_t *data, size_t size, uint8_t digest_r[DIGEST_SIZE])
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize length = DIGEST_SIZE;

	g_checksum_update(checksum, data, (gssize)size);
	g_checksum_get_digest(checksum, digest_r, &length);
}

static GByteArray *
format(const struct ph_snapshot *snapshot)
{
	GByteArray *out = g_byte_array_new();
	uint8_t sum[DIGEST_SIZE] = {0};
	const struct ph_object *const *objects;
	size_t n;

	g_byte_array_append(out, (const guint8 *)magic, sizeof(magic));
	g_byte_array_append(out, sum, sizeof(sum));
	objects = ph_snapshot_all(snapshot, &n);
	ph_bytes_put_number(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		const char *kind = ph_object_kind(objects[i])->name;
		size_t size;
		g_autofree void *packed = ph_object_pack(objects[i], &size);

		ph_bytes_put_string(out, kind, strlen(kind));
		ph_bytes_put_string(out, packed, size);
	}
	digest(out->data + HEAD_SIZE, out->len - HEAD_SIZE, sum);
	memcpy(out->data + sizeof(magic), sum, sizeof(sum));
	return out;
}

static int
failed(const char *what, const char *path, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "%s %s: %s", what, path,
			  g_strerror(errno));
}

/* O_NOFOLLOW: the directory may be writable for others of the group. */
static int
write_file(const char *path, const GByteArray *data, struct ph_err *err)
{
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return failed("cannot create", path, err);
	if (ph_file_write(fd, data->data, data->len) < 0 || fsync(fd) < 0) {
		failed("cannot write", path, err);
		close(fd);
		return -1;
	}
	if (close(fd) < 0)
		return failed("cannot close", path, err);
	return 0;
}

int
ph_snapshot_save(const struct ph_snapshot *snapshot, const char *path,
		 struct ph_err *err)
{
	g_autoptr(GByteArray) data = format(snapshot);
	g_autofree char *temporary = g_strconcat(path, ".tmp", NULL);

	if (write_file(temporary, data, err) < 0) {
		unlink(temporary);
		return -1;
	}
	if (rename(temporary, path) < 0) {
		failed("cannot replace", path, err);
		unlink(temporary);
		return -1;
	}
	if (ph_file_sync_entry(path) < 0)
		return failed("cannot sync the directory of", path, err);
	return 0;
}

static int
damaged(const char *path, const char *what, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM, "%s: %s; expected a snapshot", path,
			  what);
}

/* The whole file: 1 and *data_r (g_free), 0 there is none, -1. */
static int
read_file(const char *path, uint8_t **data_r, size_t *size_r,
	  struct ph_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	g_autofree uint8_t *data = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return failed("cannot open", path, err);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)HEAD_SIZE || st.st_size > FILE_LIMIT) {
		close(fd);
		return damaged(path, "has the wrong size", err);
	}
	*size_r = (size_t)st.st_size;
	data = g_malloc(*size_r);
	n = ph_file_read(fd, data, *size_r);
	if (n < 0)
		failed("cannot read", path, err);
	else if ((size_t)n < *size_r)
		damaged(path, "is shorter than it was", err);
	close(fd);
	if (n < 0 || (size_t)n < *size_r)
		return -1;
	*data_r = g_steal_pointer(&data);
	return 1;
}

static void
unref_object(void *object)
{
	struct ph_object *o = object;

	ph_object_unref(&o);
}

/* One object of the file; false: the file is damaged. What this version does
 * not know or no longer takes is left out. */
static bool
read_object(struct ph_bytes *in, const char *path, GPtrArray *objects)
{
	g_autofree char *name = ph_bytes_get_text(in);
	struct ph_err err = PH_ERR_INIT;
	const struct ph_kind *kind;
	struct ph_object *object;
	const uint8_t *packed;
	size_t size;

	if (name == NULL || !ph_bytes_get_blob(in, &packed, &size))
		return false;
	kind = ph_kind_find(name);
	if (kind == NULL)
		ph_warn("%s: left out: there is no kind %s", path, name);
	else if (ph_object_unpack(kind, packed, size, &object, &err) < 0)
		ph_warn("%s: left out: %s", path, err.text);
	else
		g_ptr_array_add(objects, object);
	return true;
}

int
ph_snapshot_load(const char *path, const struct ph_derive *derive,
		 struct ph_snapshot **snapshot_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) objects =
	    g_ptr_array_new_with_free_func(unref_object);
	g_autofree uint8_t *data = NULL;
	uint8_t sum[DIGEST_SIZE];
	struct ph_bytes in;
	size_t size = 0;
	uint32_t n;
	int found = read_file(path, &data, &size, err);

	if (found != 1)
		return found;
	g_assert(data != NULL);
	if (memcmp(data, magic, sizeof(magic)) != 0)
		return damaged(path, "is of another version", err);
	in = (struct ph_bytes){data + HEAD_SIZE, size - HEAD_SIZE};
	digest(in.next, in.left, sum);
	if (memcmp(data + sizeof(magic), sum, sizeof(sum)) != 0)
		return damaged(path, "is damaged", err);
	if (!ph_bytes_get_number(&in, &n))
		return damaged(path, "is cut", err);
	for (uint32_t i = 0; i < n; i++)
		if (!read_object(&in, path, objects))
			return damaged(path, "is cut", err);
	if (in.left != 0)
		return damaged(path, "goes on after its end", err);
	*snapshot_r =
	    ph_snapshot_build((const struct ph_object *const *)objects->pdata,
			      objects->len, derive);
	return 1;
}
