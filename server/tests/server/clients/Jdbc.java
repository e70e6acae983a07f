import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.Timer;
import java.util.TimerTask;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/** What a program in Java does by pgjdbc. */
public class Jdbc {
    static final String LONG =
        "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0";

    interface Action {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        String port = System.getenv("PORT");
        String url = "jdbc:postgresql://127.0.0.1:" + port + "/main?sslmode=verify-full"
            + "&sslrootcert=" + System.getenv("CERTIFICATE") + "&user=ada&password=";
        fails("28P01", () -> DriverManager.getConnection(url + "wrong"));
        try (Connection connection = DriverManager.getConnection(url + "pencil")) {
            createsFunctions(connection);
            bindsValues(connection);
            bindsTimes(connection);
            readsArrays(connection);
            executesBatches(connection);
            readsMetadata(connection);
            fetchesRows(connection);
            reportsErrors(connection);
            copiesRows(connection);
            usesTransactions(connection);
        }
        try (Connection connection =
                DriverManager.getConnection(url + "pencil&preferQueryMode=simple")) {
            PreparedStatement statement = connection.prepareStatement("SELECT ?::int + 1, ?");
            statement.setInt(1, 1);
            statement.setString(2, "it's");
            equal("2|it's", rows(statement.executeQuery()));
        }
        System.out.println("done");
    }

    static void createsFunctions(Connection connection) throws Exception {
        Statement statement = connection.createStatement();
        statement.execute(System.getenv("MODULE"));
        statement.execute("IMPORT FUNCTIONS FROM MODULE adding");
        PreparedStatement call = connection.prepareStatement("SELECT add(?, ?)");
        // A statement is prepared by name after some executions.
        for (long count = 0; count < 8; count++) {
            call.setLong(1, 40);
            call.setLong(2, count);
            equal(String.valueOf(40 + count), rows(call.executeQuery()));
        }
        call.setNull(1, Types.BIGINT);
        equal("null", rows(call.executeQuery()));
    }

    static void bindsValues(Connection connection) throws Exception {
        connection.createStatement().execute(
            "CREATE TABLE t (a INT NOT NULL, b VARCHAR, c DOUBLE, d DECIMAL(10, 2), e TIMESTAMP, "
                + "f DATE, g BYTEA, h BOOLEAN, i BIGINT, j TIME, k REAL, l SMALLINT)");
        PreparedStatement insert = connection.prepareStatement(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        insert.setInt(1, 1);
        insert.setString(2, "x");
        insert.setDouble(3, 1.5);
        insert.setBigDecimal(4, new BigDecimal("2.50"));
        insert.setTimestamp(5, Timestamp.valueOf("2024-02-29 12:34:56.5"));
        insert.setDate(6, Date.valueOf("2024-02-29"));
        insert.setBytes(7, new byte[] {0, -1});
        insert.setBoolean(8, true);
        insert.setLong(9, 7);
        insert.setTime(10, Time.valueOf("12:34:56"));
        insert.setFloat(11, 0.5f);
        insert.setShort(12, (short) 3);
        equal(1, insert.executeUpdate());
        insert.setInt(1, 2);
        int[] types = {Types.VARCHAR, Types.DOUBLE, Types.NUMERIC, Types.TIMESTAMP, Types.DATE,
            Types.BINARY, Types.BOOLEAN, Types.BIGINT, Types.TIME, Types.REAL, Types.SMALLINT};
        for (int index = 0; index < types.length; index++) {
            insert.setNull(index + 2, types[index]);
        }
        equal(1, insert.executeUpdate());
        PreparedStatement select =
            connection.prepareStatement("SELECT * FROM t WHERE a > ? ORDER BY a");
        // Values come as text, and as bytes after some executions.
        for (int count = 0; count < 8; count++) {
            select.setInt(1, 0);
            ResultSet found = select.executeQuery();
            equal(true, found.next());
            equal("x", found.getString("b"));
            equal(1.5, found.getDouble("c"));
            equal(new BigDecimal("2.50"), found.getBigDecimal("d"));
            equal(Timestamp.valueOf("2024-02-29 12:34:56.5"), found.getTimestamp("e"));
            equal(Date.valueOf("2024-02-29"), found.getDate("f"));
            equal("[0, -1]", Arrays.toString(found.getBytes("g")));
            equal(true, found.getBoolean("h"));
            equal(7L, found.getLong("i"));
            equal(Time.valueOf("12:34:56"), found.getTime("j"));
            equal(0.5f, found.getFloat("k"));
            equal((short) 3, found.getShort("l"));
            equal(true, found.next());
            for (int column = 2; column <= 12; column++) {
                equal(null, found.getObject(column));
            }
            equal(false, found.next());
        }
    }

    static void bindsTimes(Connection connection) throws Exception {
        PreparedStatement select =
            connection.prepareStatement("SELECT ?::timestamp, ?::date, ?::timestamptz");
        OffsetDateTime moment = OffsetDateTime.parse("2024-02-29T12:34:56Z");
        for (int count = 0; count < 8; count++) {
            select.setObject(1, LocalDateTime.parse("2024-02-29T12:34:56.5"));
            select.setObject(2, LocalDate.parse("2024-02-29"));
            select.setObject(3, moment);
            ResultSet found = select.executeQuery();
            equal(true, found.next());
            equal(LocalDateTime.parse("2024-02-29T12:34:56.5"),
                found.getObject(1, LocalDateTime.class));
            equal(LocalDate.parse("2024-02-29"), found.getObject(2, LocalDate.class));
            equal(moment.toInstant(), found.getObject(3, OffsetDateTime.class).toInstant());
        }
    }

    static void readsArrays(Connection connection) throws Exception {
        PreparedStatement select = connection.prepareStatement("SELECT ?::int[]");
        select.setArray(1, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
        ResultSet found = select.executeQuery();
        equal(true, found.next());
        Array array = found.getArray(1);
        equal("[1, null, 3]", Arrays.toString((Object[]) array.getArray()));
    }

    static void executesBatches(Connection connection) throws Exception {
        PreparedStatement insert =
            connection.prepareStatement("INSERT INTO t (a, b) VALUES (?, ?)");
        for (int number = 10; number < 20; number++) {
            insert.setInt(1, number);
            insert.setString(2, "n" + number);
            insert.addBatch();
        }
        equal(10, Arrays.stream(insert.executeBatch()).sum());
        Statement statement = connection.createStatement();
        statement.addBatch("INSERT INTO t (a) VALUES (30)");
        statement.addBatch("INSERT INTO t (a) VALUES (31), (32)");
        equal("[1, 2]", Arrays.toString(statement.executeBatch()));
    }

    static void readsMetadata(Connection connection) throws Exception {
        DatabaseMetaData metadata = connection.getMetaData();
        equal("PostgreSQL", metadata.getDatabaseProductName());
        equal("main", rows(metadata.getCatalogs()));
        equal(true, rows(metadata.getSchemas()).contains("public|null"));
        ResultSet tables = metadata.getTables(null, "public", "%", new String[] {"TABLE"});
        equal(true, tables.next());
        equal("t", tables.getString("TABLE_NAME"));
        ResultSet columns = metadata.getColumns(null, null, "t", "%");
        equal(true, columns.next());
        equal("a int4 NO", columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME")
            + " " + columns.getString("IS_NULLABLE"));
        equal("", rows(metadata.getPrimaryKeys(null, null, "t")));
        equal("", rows(metadata.getImportedKeys(null, null, "t")));
        equal("", rows(metadata.getIndexInfo(null, null, "t", false, true)));
        equal("", rows(metadata.getBestRowIdentifier(null, null, "t", 0, true)));
        equal(true, rows(metadata.getTypeInfo()).contains("int4"));
        equal(true, metadata.getSQLKeywords().contains("import"));
        ResultSet functions = metadata.getFunctions(null, null, "add");
        equal(true, functions.next());
        equal("add", functions.getString("FUNCTION_NAME"));
        // The result, and two arguments.
        ResultSet arguments = metadata.getFunctionColumns(null, null, "add", "%");
        int count = 0;
        while (arguments.next()) {
            equal("int8", arguments.getString("TYPE_NAME"));
            count++;
        }
        equal(3, count);
        PreparedStatement select = connection.prepareStatement("SELECT a FROM t WHERE b = ?");
        equal("text", select.getParameterMetaData().getParameterTypeName(1));
        equal("int4", select.getMetaData().getColumnTypeName(1));
    }

    static void fetchesRows(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        PreparedStatement select =
            connection.prepareStatement("SELECT value FROM generate_series(1, ?)");
        select.setInt(1, 1000);
        select.setFetchSize(7);
        ResultSet found = select.executeQuery();
        long sum = 0;
        while (found.next()) {
            sum += found.getLong(1);
        }
        equal(500500L, sum);
        connection.commit();
        connection.setAutoCommit(true);
        Statement limited = connection.createStatement();
        limited.setMaxRows(2);
        equal("1 2", rows(limited.executeQuery("SELECT value FROM generate_series(1, 100)")));
    }

    static void reportsErrors(Connection connection) throws Exception {
        Statement statement = connection.createStatement();
        fails("42703", () -> statement.executeQuery("SELECT nosuch"));
        fails("42601", () -> statement.executeQuery("SELEC 1"));
        fails("42P01", () -> statement.executeQuery("SELECT * FROM nosuch"));
        fails("22012", () -> statement.executeQuery("SELECT 1 / 0"));
        statement.setQueryTimeout(1);
        fails("57014", () -> statement.executeQuery(LONG));
        statement.setQueryTimeout(0);
        Timer timer = new Timer(true);
        timer.schedule(new TimerTask() {
            @Override
            public void run() {
                try {
                    statement.cancel();
                } catch (SQLException error) {
                    throw new IllegalStateException(error);
                }
            }
        }, 500);
        fails("57014", () -> statement.executeQuery(LONG));
        timer.cancel();
        statement.execute("SET statement_timeout = '200ms'");
        fails("57014", () -> statement.executeQuery(LONG));
        statement.execute("RESET statement_timeout");
        equal("1", rows(statement.executeQuery("SELECT 1")));
    }

    static void copiesRows(Connection connection) throws Exception {
        CopyManager copies = connection.unwrap(PGConnection.class).getCopyAPI();
        long copied = copies.copyIn(
            "COPY t (a, b) FROM STDIN (FORMAT csv)", new StringReader("100,x\n101,\n"));
        equal(2L, copied);
        StringWriter out = new StringWriter();
        copies.copyOut("COPY (SELECT a, b FROM t WHERE a >= 100 ORDER BY a) TO STDOUT CSV", out);
        equal("100,x\n101,\n", out.toString());
        fails("22P02", () -> copies.copyIn("COPY t (a) FROM STDIN", new StringReader("x\n")));
    }

    static void usesTransactions(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        Statement statement = connection.createStatement();
        fails("42703", () -> statement.executeQuery("SELECT nosuch"));
        fails("25P02", () -> statement.executeQuery("SELECT 1"));
        connection.rollback();
        equal("1", rows(statement.executeQuery("SELECT 1")));
        connection.commit();
        connection.setAutoCommit(true);
        equal(true, connection.isValid(5));
        equal("public", connection.getSchema());
    }

    /** Returns the rows of a result, divided by blanks, and their columns by bars. */
    static String rows(ResultSet found) throws SQLException {
        StringBuilder text = new StringBuilder();
        int columns = found.getMetaData().getColumnCount();
        while (found.next()) {
            text.append(text.length() > 0 ? " " : "");
            for (int column = 1; column <= columns; column++) {
                text.append(column > 1 ? "|" : "").append(found.getString(column));
            }
        }
        return text.toString();
    }

    static void fails(String state, Action action) throws Exception {
        try {
            action.run();
        } catch (SQLException error) {
            if (state.equals(error.getSQLState())) {
                return;
            }
            throw error;
        }
        throw new AssertionError("expected the error " + state + ", found none");
    }

    static void equal(Object expected, Object found) {
        if (expected == null ? found != null : !expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }
}
