import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.LocalDate;
import java.time.LocalDateTime;

/** `Setters FILE OPTIONS [delete]`: the sums of a range, with each setter of JDBC. One line each: column, setter, sum. */
public class Setters {
    interface Setter {
        void set(PreparedStatement statement, int at, LocalDateTime moment) throws SQLException;
    }

    static final String DAYS = "SELECT sum(traffic_bytes) FROM origin_daily WHERE date_cst >= ? AND date_cst < ?";
    static final String TIMES = "SELECT sum(bandwidth) FROM origin_stats WHERE time_cst >= ? AND time_cst < ?";
    static final String FROM = "SELECT sum(bandwidth) FROM origin_stats WHERE time_cst >= ? AND ? IS NOT NULL";

    public static void main(String[] args) throws SQLException {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + args[0] + args[1])) {
            LocalDateTime from = LocalDateTime.of(2026, 6, 1, 0, 0);
            for (String column : new String[] {"DATE", "TIMESTAMP", "TIMESTAMP>="}) {
                String sql = column.equals("DATE") ? DAYS : column.equals("TIMESTAMP") ? TIMES : FROM;
                LocalDateTime to = from.plusDays(column.equals("DATE") ? 2 : 1);
                String form = column.equals("DATE") ? "yyyy-MM-dd" : "yyyy-MM-dd HH:mm:ss";
                var text = java.time.format.DateTimeFormatter.ofPattern(form);
                print(connection, column, "setString", sql, from, to, (s, at, m) -> s.setString(at, m.format(text)));
                print(connection, column, "setTimestamp", sql, from, to, (s, at, m) -> s.setTimestamp(at, Timestamp.valueOf(m)));
                print(connection, column, "setDate", sql, from, to, (s, at, m) -> s.setDate(at, Date.valueOf(m.toLocalDate())));
                print(connection, column, "LocalDate", sql, from, to, (s, at, m) -> s.setObject(at, m.toLocalDate()));
                print(connection, column, "LocalDateTime", sql, from, to, (s, at, m) -> s.setObject(at, m));
            }
            String newest = "SELECT ts, time_cst, date_cst, d.traffic_bytes FROM origin_daily d JOIN origin_stats s "
                + "ON s.domain = d.domain AND s.ts = d.peak_ts WHERE d.traffic_bytes > 4294967296 LIMIT 1";
            try (ResultSet row = connection.createStatement().executeQuery(newest)) {
                row.next();
                long late = row.getTimestamp("time_cst").getTime() / 1000 - row.getLong("ts");
                System.out.println("getTimestamp late " + late);
                System.out.println("getInt whole " + (row.getInt("traffic_bytes") == row.getLong("traffic_bytes") ? 1 : 0));
                System.out.println("getString day " + LocalDate.parse(row.getString("date_cst")).getYear());
                try {
                    row.getDate("date_cst");
                    System.out.println("getDate works 1");
                } catch (SQLException error) {
                    System.out.println("getDate works 0");
                }
            }
            if (args.length > 2) {
                try {
                    connection.createStatement().executeUpdate("DELETE FROM point");
                    System.out.println("DELETE works 1");
                } catch (SQLException error) {
                    System.out.println("DELETE works 0");
                }
            }
        }
    }

    static void print(Connection connection, String column, String name, String sql, LocalDateTime from, LocalDateTime to,
            Setter setter) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            setter.set(statement, 1, from);
            setter.set(statement, 2, to);
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                System.out.println(column + " " + name + " " + row.getLong(1));
            }
        }
    }
}
