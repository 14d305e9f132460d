# SPDX-License-Identifier: Apache-2.0
"""The same with mysqlclient, which is the C library's."""
import sys

import MySQLdb
from mysql_pymysql import work

work(MySQLdb.connect(host=sys.argv[1], port=int(sys.argv[2]), user=sys.argv[3], passwd=sys.argv[4], db=sys.argv[5],
                     autocommit=True, charset="utf8mb4"), MySQLdb.MySQLError)
