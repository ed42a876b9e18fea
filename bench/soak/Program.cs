using Ssb.Conn.Soak;

// dotnet run -c Release --project bench/soak -- [--minutes 60] [--seed 1] [--output FOLDER] [--note TEXT] [--leak heap|handles|timers|tasks|threads|book]
if (args is ["crowd", var seed, var lanPort])
    return await Crowd.RunAsync(new Cast(int.Parse(seed)), int.Parse(lanPort)); // the child of a soak
return SoakOptions.TryRead(args, out SoakOptions? options) ? await SoakRun.RunAsync(options) : SoakOptions.Explain();
