Console.WriteLine("ssb-conn");
