using Ssb.Conn.Cli;

try
{
    return await DiscoverCommand.RunAsync(args, Console.Out, Console.Error, options => DiscoverRun.RunAsync(options, TimeProvider.System));
}
#pragma warning disable CA1031 // The last line of defence: a person gets a sentence, never a stack trace.
catch (Exception e)
#pragma warning restore CA1031
{
    try
    {
        Console.Error.WriteLine($"ssb-conn: it failed unexpectedly ({e.GetType().Name}): {Ssb.Conn.Cli.View.TerminalText.Clean(e.Message)}");
    }
    catch (IOException)
    {
        // The terminal is gone: nobody is there to read it.
    }

    return DiscoverCommand.Failure;
}
