/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

/* A mount that is attached to no directory (kernel 5.2); -1 with errno. */
static int tracefs_mount_detached(void)
{
	int fs = fsopen("tracefs", FSOPEN_CLOEXEC), mount = -1, saved;

	if (fs < 0)
		return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(fs, FSMOUNT_CLOEXEC,
				MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	saved = errno;
	close(fs);
	errno = saved;
	return mount;
}

int px_tracefs_open(struct px_error *err)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	bool is_denied = false;
	int fd;

	for (size_t i = 0; i < PX_COUNT(places); i++) {
		fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && faccessat(fd, "events", F_OK, 0) == 0)
			return fd;
		is_denied |= errno == EACCES;
		if (fd >= 0)
			close(fd);
	}
	fd = tracefs_mount_detached();
	if (fd < 0 && is_denied)
		return px_error_set(err, PX_EXIT_PERMISSION,
				    "run it as root, or use another --probe",
				    "tracefs cannot be opened: %s", strerror(EACCES));
	if (fd < 0)
		return px_error_set(
			err, errno == EPERM ? PX_EXIT_PERMISSION : PX_EXIT_HOST,
			"mount -t tracefs tracefs /sys/kernel/tracing, or use another --probe",
			"tracefs is not mounted: %s", strerror(errno));
	return fd;
}
