/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: from a name to an id by what the runtimes keep on disk, from a control group's name
 * to an id.
 */
#ifndef PX_CAPTURE_CONTAINER_H
#define PX_CAPTURE_CONTAINER_H

#include "base/bytes.h"

#define PX_CONTAINER_ID_MAX 80

/*
 * The id of the container called name, as docker, podman, nerdctl or Kubernetes know it. False if
 * none does.
 */
bool px_container_by_name(const char *name, char id[PX_CONTAINER_ID_MAX]);

/*
 * The container in the control group with this last component of its path, by its id or, if the
 * group says only that, by its name: of docker, podman, CRI-O, containerd (docker-ID.scope,
 * libpod-ID.scope, cri-containerd-ID.scope, ID), LXC (lxc.payload.NAME) and systemd-nspawn
 * (machine-NAME.scope). A view into group; empty if it holds none.
 */
struct px_bytes px_container_of_group(struct px_bytes group, bool *is_name);

/*
 * Does that control group hold the container of that id (or an id that begins so) or of that name?
 * id, name: NULL for none.
 */
bool px_container_is_group(const char *group, const char *id, const char *name);

#endif
