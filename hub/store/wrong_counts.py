"""Whether answers are counted as they were given: what `hub.store.score_counts` keeps, held to the answers."""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.store.score_counts import LANGUAGE


def wrong(connection: Connection) -> int:
    """Return how many counts differ from the answers themselves: every answer is looked at."""
    return int(connection.scalar(text(_WRONG[connection.dialect.name])) or 0)


_WRONG = {
    dialect: f"""
        WITH said AS NOT MATERIALIZED (
            SELECT survey_id, {day} AS day, language, segments, '' AS rating, score FROM response
            UNION ALL
            SELECT survey_id, {day}, language, segments, rated.key, CAST(rated.value AS integer)
            FROM response, {each}(CAST(ratings AS {json})) AS rated WHERE ratings <> '{{}}'
        )
        SELECT count(*) FROM (
            SELECT survey_id, segment, value, day, rating, score FROM (
                SELECT survey_id, '' AS segment, '' AS value, day, rating, score, 1 AS number FROM said
                UNION ALL
                SELECT survey_id, '{LANGUAGE}', language, day, rating, score, 1 FROM said WHERE language <> ''
                UNION ALL
                SELECT survey_id, counted.key, counted.value, day, rating, score, 1
                FROM said, {each}(CAST(segments AS {json})) AS counted
                UNION ALL
                SELECT survey_id, segment, value, day, '', score, -number FROM score_count
                UNION ALL
                SELECT survey_id, segment, value, day, rating, score, -number FROM rating_count
            ) AS all_of_them GROUP BY survey_id, segment, value, day, rating, score HAVING sum(number) <> 0
        ) AS differing
    """  # noqa: S608  words of our own
    for dialect, day, each, json in (
        ("sqlite", "rated_at / 86400000000", "json_each", "text"),
        ("postgresql", "CAST(floor(extract(epoch FROM rated_at) / 86400) AS integer)", "json_each_text", "json"),
    )
}
