# SPDX-License-Identifier: Apache-2.0
"""What the live tests stand on: servers, clients that keep an account, the traced program, the comparison."""
