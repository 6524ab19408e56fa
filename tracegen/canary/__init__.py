"""The fidelity canary: does the teacher do what the recipe says, before a run spends and all along (docs/canary.md)?"""
