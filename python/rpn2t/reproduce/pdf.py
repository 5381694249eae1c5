"""The report as a PDF: the same page, laid out for paper by WeasyPrint."""

from rpn2t.errors import InputError

CURE = (
    "install WeasyPrint (`pip install weasyprint`) and, on Debian, libpango-1.0-0, libpangoft2-1.0-0 and "
    "libharfbuzz-subset0; index.html is whole, and a browser prints it too"
)


def as_pdf(html: str) -> bytes:
    """A page as a PDF. Nothing is loaded from elsewhere: the page holds all of its pictures.

    Raises:
        InputError: WeasyPrint, or the Pango library that it needs, is not installed, or it fails.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:  # OSError: a library that is not there
        first = (str(error).splitlines() or [""])[0]
        raise InputError(f"report.pdf: cannot be made ({first}); {CURE}") from error
    fetcher = URLFetcher(allowed_protocols=["data"])
    try:
        found: bytes = HTML(string=html, url_fetcher=fetcher, base_url=None).write_pdf()
    except Exception as error:  # a fault of its layout must not cost the page
        raise InputError(
            f"report.pdf: WeasyPrint cannot lay it out ({type(error).__name__}); index.html is whole, and a "
            "browser prints it"
        ) from error
    return found
