"""For Datasette 0.65: `--plugins-dir deploy/bi/plugins` makes it serve a snapshot that was replaced, at once.

Datasette keeps a connection in each of its threads, and a connection keeps the file that it opened. After a replacement the
server answers from the old file, or from old and new ones by turns. This plugin opens the file anew for each statement, which
takes less than a millisecond.
"""

import asyncio

from datasette import hookimpl
from datasette.database import Database


class ReplacedSnapshot(Database):
    """A database whose file may be another one by the next statement."""

    async def execute_fn(self, fn):
        if self.ds.executor is None:
            return self._with_new_connection(fn)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.ds.executor, self._with_new_connection, fn)

    def _with_new_connection(self, fn):
        connection = self.connect()
        try:
            self.ds._prepare_connection(connection, self.name)
            return fn(connection)
        finally:
            connection.close()
            self._all_file_connections.remove(connection)


@hookimpl
def startup(datasette):
    for name, database in list(datasette.databases.items()):
        if database.path:
            datasette.remove_database(name)
            # What Datasette remembers of an immutable file, such as the number of rows, would be that of the old one.
            datasette.add_database(ReplacedSnapshot(datasette, path=database.path, is_mutable=True), name=name)
