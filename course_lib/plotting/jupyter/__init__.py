"""Alt texts for pictures in JupyterLab, Notebook and exported HTML, and names for controls: none has them by itself.

``make lab`` installs both parts. Elsewhere: ``python -m course_lib.plotting.jupyter``.
"""
