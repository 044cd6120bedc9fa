from __future__ import annotations

import pluggy

import hub_segment
from hub import hookspecs


def test_hooks_offer_the_source_and_the_target():
    manager = pluggy.PluginManager("survey_hub")
    manager.add_hookspecs(hookspecs)
    manager.register(hub_segment)
    manager.check_pending()
    assert manager.hook.hub_event_sources() == [[hub_segment.SegmentSource]]
    assert manager.hook.hub_sync_targets() == [[hub_segment.SegmentTarget]]
