"""The headers that a library and what it depends on consist of, for a test that runs the compiler itself."""

def _cc_headers_impl(ctx):
    headers = depset(transitive = [lib[CcInfo].compilation_context.headers for lib in ctx.attr.libraries])
    return [DefaultInfo(files = headers, runfiles = ctx.runfiles(transitive_files = headers))]

cc_headers = rule(
    implementation = _cc_headers_impl,
    attrs = {"libraries": attr.label_list(providers = [CcInfo])},
)
