/* SPDX-License-Identifier: Apache-2.0 */
/* Named by bcc's helpers; nothing of it is used. */
