using Ssb.Conn.Cli;

return await DiscoverCommand.RunAsync(args, Console.Out, Console.Error, o => Task.FromResult(0));
