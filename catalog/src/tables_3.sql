-- The newest Fusebox that changed the tables, for the messages of older ones. It has one row.
CREATE TABLE program (
    version TEXT NOT NULL
) STRICT;
INSERT INTO program VALUES ('0.1.0');

-- Before 0.1.0, definitions had the names of types in Rust, and DECIMAL(*) had two texts. What is
-- no definition of that time stays as it is, and is listed as one that cannot be read.
UPDATE function SET
    types = replace(types, '"Decimal128(0, 0)"', '"Decimal128(*)"'),
    -- A patch leaves out what is NULL.
    definition = json_patch(
        json_object(
            'format', 1,
            'fusebox', '0.1.0',
            'name', definition ->> '$.name',
            'kind', coalesce(lower(definition ->> '$.kind'), 'scalar'),
            'signature', json(definition -> '$.signature'),
            'state', json(coalesce(definition -> '$.state', '[]')),
            'volatility', lower(definition ->> '$.volatility'),
            'nulls', lower(definition ->> '$.nulls'),
            'limits', json_object(
                'fuel_per_row', definition ->> '$.limits.fuel_per_row',
                'fuel_per_call', definition ->> '$.limits.fuel_per_call',
                'fuel_init', coalesce(definition ->> '$.limits.fuel_init', 1000000000),
                'memory', definition ->> '$.limits.memory_bytes_max',
                'stack', definition ->> '$.limits.stack_bytes_max',
                'result_bytes', definition ->> '$.limits.result_bytes_max',
                'instances', definition ->> '$.limits.instances_max'
            ),
            'reset', coalesce(lower(definition ->> '$.reset'), 'call'),
            'on_error', coalesce(lower(definition ->> '$.on_error'), 'fail'),
            'digest', definition ->> '$.digest',
            'symbol', definition ->> '$.symbol',
            'source', json(CASE json_type(definition, '$.source')
                WHEN 'text' THEN '"base64"'
                ELSE json_patch('{}', json_object(
                    'module', definition ->> '$.source.Module',
                    'path', definition ->> '$.source.Path',
                    'text', definition ->> '$.source.Text'
                ))
            END),
            'temporary', json(definition -> '$.temporary')
        ),
        json_object('abi', definition ->> '$.abi', 'comment', definition ->> '$.comment')
    )
WHERE CASE
    WHEN json_valid(definition)
    THEN json_type(definition, '$.limits.memory_bytes_max') IS NOT NULL
END;
