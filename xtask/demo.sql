-- How far did the flights that left New York City in January 2013 go?
-- `cargo xtask demo` runs this file from the root of the checkout.

-- The flights, and where the airports are.
CREATE EXTERNAL TABLE flights
    STORED AS PARQUET
    LOCATION 'data/nycflights13/flights-2013-01.parquet';
CREATE EXTERNAL TABLE airports
    STORED AS CSV
    LOCATION 'data/nycflights13/airports.csv'
    OPTIONS ('format.has_header' 'true');

-- A module of functions, compiled to WebAssembly, says what it offers.
CREATE MODULE geo LANGUAGE WASM FROM 'target/guests/geo.wasm';
IMPORT FUNCTIONS FROM MODULE geo;
SHOW USER FUNCTIONS;

-- The great-circle distance of every flight, computed in the sandbox.
-- Airports outside the list drop out of the join.
CREATE VIEW routes AS
SELECT
    origin,
    dest,
    distance AS carrier_miles,
    haversine_km(o.lat, o.lon, d.lat, d.lon) AS km
FROM flights
JOIN airports AS o ON o.faa = origin
JOIN airports AS d ON d.faa = dest;

-- How many, how far on average, and the largest difference from what the
-- carriers report in statute miles.
SELECT
    count(*) AS flights,
    round(avg(km), 6) AS average_km,
    round(max(abs(km / 1.609344 - carrier_miles)), 6) AS largest_difference_miles
FROM routes;

-- The five busiest routes.
SELECT origin, dest, count(*) AS flights, round(avg(km), 3) AS km
FROM routes
GROUP BY origin, dest
ORDER BY flights DESC, origin, dest
LIMIT 5;

-- Aggregates and window functions run in the sandbox too: the typical time in
-- the air by airport, and how often a plane was back after half a day.
CREATE MODULE stats LANGUAGE WASM FROM 'target/guests/stats.wasm';
IMPORT FUNCTIONS FROM MODULE stats;
SELECT origin, round(geomean(air_time), 6) AS minutes, topk_str(dest, 3) AS busiest
FROM flights
GROUP BY origin
ORDER BY origin;
SELECT tailnum, max(session) AS sessions
FROM (
    SELECT tailnum, sessionize(time_hour, INTERVAL '12 hours')
        OVER (PARTITION BY tailnum ORDER BY time_hour) AS session
    FROM flights
    WHERE tailnum IS NOT NULL
)
GROUP BY tailnum
ORDER BY sessions DESC, tailnum
LIMIT 3;
