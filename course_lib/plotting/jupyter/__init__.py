"""Alt texts for pictures in JupyterLab, Notebook and nbconvert's HTML, and names for controls: none gives them by itself.

``make lab`` installs both parts. Elsewhere: ``python -m course_lib.plotting.jupyter``.
"""
